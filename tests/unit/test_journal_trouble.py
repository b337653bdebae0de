"""Full, locked, damaged and read-only stores: JournalError in the operator's words, and nothing half done."""

from __future__ import annotations

import inspect
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy.exc

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import JournalError
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.journal.store import border
from smartticket_daemon.testing.journal_steps import NOW, SOURCE, claim, counts, entry, record

CANARY = "a customer's own words"


def mounted(folder: Path, options: str) -> None:
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted(folder, "size=1m,mode=700")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(journal: SqlJournal) -> tuple[int, str]:
    """Record until it fails; returns how many batches were taken and the words of the error."""
    for batch in range(1000):
        entries = [entry(f"{batch}-{n}") for n in range(50)]
        try:
            journal.record(SOURCE, entries, Cursor(str(batch + 1)), {}, NOW)
        except JournalError as error:
            return batch, str(error)
    raise AssertionError("it never got full")


def test_a_full_disk_keeps_every_batch_taken_and_goes_on_when_freed(small: Path) -> None:
    journal = open_journal(small)
    ballast = small / "ballast"
    ballast.write_bytes(bytes(300_000))
    taken, words = fill_up(journal)
    assert "no space left" in words
    assert "free space" in words
    assert taken > 0
    assert journal.cursor(SOURCE) == str(taken)
    assert counts(journal) == {"seen": 50 * taken, "pending": 50 * taken}
    ballast.unlink()
    assert journal.record(SOURCE, [entry("more")], Cursor("more"), {}, NOW) == 1
    journal.close()


def test_a_full_disk_at_the_start_is_named(small: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small / "ballast").write_bytes(bytes(2_000_000))
    with pytest.raises(JournalError, match="free space"):
        open_journal(small)


def test_a_limit_on_file_size_is_named(tmp_path: Path) -> None:
    code = (
        "import resource, sys, pathlib\n"
        "from tests.unit.test_journal_trouble import fill_up, open_journal\n"
        "journal = open_journal(pathlib.Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "print(*fill_up(journal))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    taken, _, words = done.stdout.partition(" ")
    assert "look for a full or broken disk" in words
    journal = open_journal(tmp_path)
    assert journal.cursor(SOURCE) == taken
    assert counts(journal)["seen"] == 50 * int(taken)
    journal.close()


def test_a_read_only_disk_is_named(small: Path) -> None:
    open_journal(small).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(JournalError, match="read-only: mount it writable or set another state_dir"):
        open_journal(small)


def test_a_file_we_may_not_write_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    open_journal(tmp_path).close()
    (tmp_path / "journal.db").chmod(0o400)
    with pytest.raises(JournalError, match="give it to the user that runs SmartTicket"):
        open_journal(tmp_path)


def test_a_store_that_turns_read_only_is_named(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with journal._store.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(JournalError, match="cannot be written: make it and its folder writable"):
        record(journal, entry("1"))
    journal.close()


def test_a_lock_is_waited_for_and_then_named(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, patience=0.05)
    record(journal, entry("1"))
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalError, match="another program holds the journal"):
            record(journal, entry("2"))
        assert counts(journal) == {"seen": 1, "pending": 1}
        other.execute("ROLLBACK")
    assert record(journal, entry("2")) == 1
    journal.close()


def test_what_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    journal, other = open_journal(tmp_path), open_journal(tmp_path)
    for n in range(20):
        assert record(journal, entry(f"a{n}")) == 1
        assert record(other, entry(f"b{n}")) == 1
    assert counts(journal)["seen"] == 40
    assert len(claim(journal, limit=30)) + len(claim(other, limit=30)) == 40
    journal.close()
    other.close()


def test_damage_is_named(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal, *(entry(str(n)) for n in range(200)))
    journal.close()
    path = tmp_path / "journal.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(JournalError, match="is damaged: stop SmartTicket, move it away"):
        _open_and_read(tmp_path)


def _open_and_read(folder: Path) -> None:
    journal = open_journal(folder)
    try:
        journal.find("T-1")
    finally:
        journal.close()


def test_a_file_taken_away_is_noticed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal, entry("1"))
    journal.close()
    shutil.rmtree(tmp_path)
    with pytest.raises(JournalError, match="cannot be opened"):
        journal.ledger()


@pytest.mark.parametrize(
    "error",
    [
        found
        for _, found in inspect.getmembers(sqlalchemy.exc, inspect.isclass)
        if issubclass(found, Exception) and not issubclass(found, Warning) and found.__module__ != "builtins"
    ],
)
def test_every_error_of_sqlalchemy_leaves_as_ours(error: type[Exception]) -> None:
    with pytest.raises(JournalError), border(lambda _: "the journal failed"):
        raise error.__new__(error)


def test_no_customers_text_is_in_the_words(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with journal._store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE message")
    with pytest.raises(JournalError) as caught:
        journal.find(CANARY)
    assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__
    journal.close()
