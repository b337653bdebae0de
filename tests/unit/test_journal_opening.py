"""Folder, file, schema version: what open_journal makes, keeps and refuses."""

from __future__ import annotations

import inspect
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import alembic.script.revision
import alembic.util.exc
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import JournalError
from smartticket_daemon.journal import journal_exists, migrate, open_journal, scratch_copy
from smartticket_daemon.journal.schema import HEAD
from smartticket_daemon.ports import Backfill
from smartticket_daemon.testing.journal_steps import NOW, SOURCE, claim, counts, entry, record, skipped


def schema_of(folder: Path) -> set[tuple[str, ...]]:
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, table, " ".join((sql or "").split())) for kind, name, table, sql in rows}


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_folder_and_files_are_for_us_alone(tmp_path: Path) -> None:
    state = tmp_path / "var" / "state"
    journal = open_journal(state)
    record(journal, entry("1"))
    assert state.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
    assert modes == dict.fromkeys(["journal.db", "journal.db-wal", "journal.db-shm"], 0o600)
    journal.close()


def test_a_file_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    open_journal(tmp_path).close()
    (tmp_path / "journal.db").chmod(0o644)
    open_journal(tmp_path).close()
    assert (tmp_path / "journal.db").stat().st_mode & 0o777 == 0o600


def test_whether_a_journal_is_there_is_seen_without_making_one(tmp_path: Path) -> None:
    assert not journal_exists(tmp_path / "none")
    assert not journal_exists(tmp_path)
    assert list(tmp_path.iterdir()) == []
    open_journal(tmp_path).close()
    assert journal_exists(tmp_path)


def test_sqlite_is_set_to_be_durable(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with journal._store.reading() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    assert found == ["wal", 2, 1, 1, 10_000]
    journal.close()


def test_a_new_journal_equals_a_migrated_one(tmp_path: Path) -> None:
    new, migrated = tmp_path / "new", tmp_path / "migrated"
    open_journal(new).close()
    migrated.mkdir()
    execute(migrated, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    open_journal(migrated).close()
    differing = {row[1] for row in schema_of(new) ^ schema_of(migrated)}
    assert differing <= {"alembic_version", "sqlite_autoindex_alembic_version_1"}
    assert len(schema_of(new)) >= 8


def test_a_migrated_journal_works(tmp_path: Path) -> None:
    execute(tmp_path, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    journal = open_journal(tmp_path)
    record(journal, entry("1"), skipped("2"))
    journal.close()
    again = open_journal(tmp_path)
    assert counts(again) == {"seen": 2, "pending": 1, "skipped": 1}
    again.close()


def test_a_journal_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal, entry("1"), skipped("2"))
    journal.close()
    execute(
        tmp_path,
        "DROP TABLE feedback",
        "DROP TABLE backfill",
        "UPDATE alembic_version SET version_num = '0001'",
    )
    journal = open_journal(tmp_path)
    assert counts(journal) == {"seen": 2, "pending": 1, "skipped": 1}
    assert (journal.cursor(SOURCE), journal.backfill(SOURCE)) == ("c1", Backfill())
    assert journal.record_past(SOURCE, [entry("3")], Backfill(Cursor("p"), 1), {}, NOW) == 1
    assert journal.backfill(SOURCE) == Backfill(Cursor("p"), 1)
    journal.close()


def test_the_schema_version_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_alembic_stays_out_where_nothing_is_to_be_migrated(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, smartticket_daemon.journal as j\n"
        "for _ in range(2): j.open_journal(pathlib.Path(sys.argv[1])).close()\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal, entry("1"))
    journal.close()
    execute(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(JournalError, match="newer SmartTicket: install that version"):
        open_journal(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    execute(tmp_path, "CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(JournalError, match="belongs to another program: move it away"):
        open_journal(tmp_path)


@pytest.mark.parametrize("content", [b"Dear diary, " * 200, bytes(range(256)) * 16])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    with pytest.raises(JournalError, match="is not a journal of SmartTicket: move it away"):
        open_journal(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == content


def test_folder_troubles_are_named_with_their_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot use .*file: .*move it away or set another state_dir"):
        open_journal(tmp_path / "file")
    with pytest.raises(JournalError, match=r"a part of its path is a file: set another state_dir"):
        open_journal(tmp_path / "file" / "deeper")
    (tmp_path / "state" / "journal.db").mkdir(parents=True)
    with pytest.raises(JournalError, match=r"a folder stands in its place"):
        open_journal(tmp_path / "state")


def _exceptions_of(*modules: object) -> Iterator[type[Exception]]:
    for module in modules:
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception) and found.__module__.startswith("alembic"):
                yield found


def test_every_error_of_alembic_is_known() -> None:
    found = set(_exceptions_of(alembic.util.exc, alembic.script.revision))
    assert len(found) > 5
    assert [error for error in found if not issubclass(error, migrate.ALEMBIC_ERRORS)] == []


def test_a_scratch_copy_changes_without_touching_the_original(tmp_path: Path) -> None:
    state, scratch = tmp_path / "state", tmp_path / "scratch"
    scratch.mkdir()
    scratch_copy(state, scratch)
    assert not journal_exists(scratch)
    journal = open_journal(state)
    record(journal, entry("1"))
    scratch_copy(state, scratch)
    copy = open_journal(scratch)
    assert [work.key for work in claim(copy)] == [entry("1").ref.key]
    copy.quarantine(entry("1").ref.key, "refused", entry("1").created)
    assert counts(journal, SOURCE) == {"seen": 1, "pending": 1}
    copy.close()
    journal.close()


def test_a_copy_of_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"these are somebody's notes, not ours\n" * 100)
    (tmp_path / "copy").mkdir()
    with pytest.raises(JournalError, match="not a journal of SmartTicket"):
        scratch_copy(tmp_path, tmp_path / "copy")
