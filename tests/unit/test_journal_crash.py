"""Killed at any moment, the journal keeps what it said it has, and nothing by halves.

A kill leaves what the kernel already holds; a loss of power is imitated by cutting the log off.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

from smartticket_daemon.domain import Cursor, State
from smartticket_daemon.journal import open_journal
from smartticket_daemon.testing.journal_steps import NOW, SOURCE, after, claim, counts, entry
from tests.unit import journal_child

KILLS = 6
CUTS = 25


def run_until_killed(folder: Path, chance: random.Random) -> list[list[str]]:
    """What the child said before it died at a line drawn by lot."""
    command = [sys.executable, "-m", journal_child.__name__, str(folder), str(chance.random())[2:9]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(chance.randint(1, 60))]
        child.kill()
        said += child.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


def test_kill_9_at_any_moment_loses_nothing_that_was_said(tmp_path: Path) -> None:
    chance = random.Random(20261123)
    completed: set[str] = set()
    for _ in range(KILLS):
        said = run_until_killed(tmp_path, chance)
        claimed = {words[1] for words in said if words[0] == "claimed"}
        completed |= {words[1] for words in said if words[0] == "completed"}
        recorded = max(int(words[1]) for words in said if words[0] == "recorded")
        journal = open_journal(tmp_path)
        line = counts(journal)
        assert recorded <= line["seen"] <= recorded + journal_child.BATCH
        assert journal.cursor(SOURCE) == str(line["seen"])
        for key in completed:
            (found,) = journal.find(key)
            assert found.state is State.APPLIED
            assert found.receipt is not None
            assert found.receipt.note_id == f"note of {key}"
        assert len(completed) <= line.get("applied", 0) <= len(completed) + KILLS
        for key in claimed - completed:
            assert journal.find(key)[0].attempts > 0
        journal.close()
    journal = open_journal(tmp_path)
    line = counts(journal)
    left = claim(journal, after(1e6), limit=100_000)
    assert len(left) + line["applied"] == line["seen"]
    assert all(work.doubtful for work in left)
    journal.close()


def test_a_log_cut_off_anywhere_leaves_whole_batches(tmp_path: Path) -> None:
    chance = random.Random(7)
    journal = open_journal(tmp_path / "live")
    for batch in range(40):
        entries = [entry(f"{batch}-{n}") for n in range(5)]
        journal.record(SOURCE, entries, Cursor(str(batch + 1)), {}, NOW)
    log = (tmp_path / "live" / "journal.db-wal").read_bytes()
    seen: set[int] = set()
    for cut in range(CUTS):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        shutil.copy(tmp_path / "live" / "journal.db", folder)
        (folder / "journal.db-wal").write_bytes(log[: chance.randrange(len(log))])
        survivor = open_journal(folder)
        batches = int(survivor.cursor(SOURCE) or 0)
        assert survivor.ledger().get(SOURCE, {"seen": 0})["seen"] == 5 * batches
        seen.add(batches)
        survivor.close()
    assert len(seen) > 5
    journal.close()
