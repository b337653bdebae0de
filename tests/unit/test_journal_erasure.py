"""Text is needed until the work is done, and gone afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from smartticket_daemon.domain import Cursor, Note, Receipt, Triage
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.ports import Entry
from smartticket_daemon.testing.journal_steps import NOW, SOURCE, claim, entry, skipped

CANARY = b"CANARY-of-a-customer"


def texts_left(folder: Path) -> int:
    return sum(path.read_bytes().count(CANARY) for path in folder.iterdir())


def with_text(name: str, size: int) -> Entry:
    text = f"{CANARY.decode()} {'x' * size} {CANARY.decode()}"
    return replace(entry(name), triage=Triage(note=Note(text, "billing.en")))


@pytest.fixture
def journal(tmp_path: Path) -> SqlJournal:
    journal = open_journal(tmp_path)
    entries = [with_text(str(n), size) for n, size in enumerate([10, 900, 4000, 9000, 50_000] * 6)]
    journal.record(SOURCE, entries, Cursor("c"), {}, NOW)
    return journal


def settle_all(journal: SqlJournal) -> None:
    """By every way that there is; then a claim finds nothing."""
    for n, work in enumerate(claim(journal)):
        if n % 3 == 0:
            journal.complete({work.key: Receipt()}, NOW)
        elif n % 3 == 1:
            journal.skip(work.key, "closed", NOW)
        else:
            journal.quarantine(work.key, "refused", NOW)
    for n, item in enumerate(journal.quarantined()):
        if n % 2:
            journal.drop(item.key, NOW)
        else:
            journal.replay(item.key, NOW, skipped(item.ref.message, "solved"))
    assert claim(journal) == []


def test_no_text_is_left_in_any_file_when_the_work_is_done(journal: SqlJournal, tmp_path: Path) -> None:
    assert texts_left(tmp_path) >= 60
    settle_all(journal)
    assert sum(journal.reasons()[SOURCE].values()) == 20
    assert texts_left(tmp_path) == 0
    journal.close()
    assert texts_left(tmp_path) == 0


def test_closing_erases_too(journal: SqlJournal, tmp_path: Path) -> None:
    for work in claim(journal):
        journal.complete({work.key: Receipt()}, NOW)
    journal.close()
    assert texts_left(tmp_path) == 0


def test_quarantine_keeps_the_text_for_a_replay(journal: SqlJournal, tmp_path: Path) -> None:
    for work in claim(journal):
        journal.quarantine(work.key, "refused", NOW)
    journal.close()
    assert texts_left(tmp_path) >= 60


def test_somebody_reading_only_postpones_it(journal: SqlJournal, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        settle_all(journal)
        assert texts_left(tmp_path) > 0
        reader.execute("COMMIT")
    assert claim(journal) == []
    assert texts_left(tmp_path) == 0
    journal.close()


@pytest.mark.parametrize("way", ["complete", "skip", "drop", "replay"])
def test_each_way_to_settle_erases_by_itself(tmp_path: Path, way: str) -> None:
    journal = open_journal(tmp_path)
    work = with_text("1", 9000)
    journal.record(SOURCE, [work], Cursor("c"), {}, NOW)
    key = work.ref.key
    if way in ("drop", "replay"):
        journal.quarantine(key, "refused", NOW)
    assert texts_left(tmp_path) > 0
    {
        "complete": lambda: journal.complete({key: Receipt()}, NOW),
        "skip": lambda: journal.skip(key, "closed", NOW),
        "drop": lambda: journal.drop(key, NOW),
        "replay": lambda: journal.replay(key, NOW, skipped("1", "solved")),
    }[way]()
    assert claim(journal) == []
    assert texts_left(tmp_path) == 0
    journal.close()
