"""One journal, many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from smartticket_daemon.domain import Cursor, Key, Receipt
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.testing.journal_steps import LEASE, NOW, claim, counts, entry, record

THREADS = 8


def test_each_source_may_have_a_thread(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    barrier = Barrier(THREADS)

    def work(source: str) -> None:
        barrier.wait()
        for batch in range(5):
            entries = [entry(f"{batch}-{n}", source=source) for n in range(4)]
            assert journal.record(source, entries, Cursor(str(batch)), {}, NOW) == 4
            for item in journal.claim(source, NOW, LEASE, 3):
                journal.complete({item.key: Receipt()}, NOW)
            assert counts(journal, source)["seen"] == 4 * (batch + 1)

    sources = [f"source {n}" for n in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, sources))
    for source in sources:
        assert counts(journal, source) == {"seen": 20, "applied": 15, "pending": 5}
        assert journal.cursor(source) == "4"
    journal.close()


def test_no_work_is_claimed_twice(tmp_path: Path) -> None:
    journals = [open_journal(tmp_path), open_journal(tmp_path)]
    record(journals[0], *(entry(str(n)) for n in range(200)))
    barrier = Barrier(THREADS)

    def take(journal: SqlJournal) -> list[Key]:
        barrier.wait()
        keys: list[Key] = []
        while works := claim(journal, limit=3):
            keys += [work.key for work in works]
        return keys

    with ThreadPoolExecutor(THREADS) as pool:
        taken = [key for keys in pool.map(take, journals * (THREADS // 2)) for key in keys]
    assert len(taken) == len(set(taken)) == 200
    for journal in journals:
        journal.close()


def test_one_batch_from_many_threads_is_recorded_once(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    entries = [entry(str(n)) for n in range(30)]
    with ThreadPoolExecutor(THREADS) as pool:
        fresh = list(pool.map(lambda _: record(journal, *entries), range(THREADS)))
    assert sorted(fresh) == [0] * (THREADS - 1) + [30]
    journal.close()


def test_a_new_journal_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    barrier = Barrier(THREADS)

    def start(source: str) -> None:
        barrier.wait()
        journal = open_journal(tmp_path / "new")
        assert record(journal, entry("1", source=source), source=source) == 1
        journal.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(start, map(str, range(THREADS))))
    journal = open_journal(tmp_path / "new")
    assert len(journal.ledger()) == THREADS
    journal.close()
