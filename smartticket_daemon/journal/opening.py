"""Opening the journal: folder, file, schema version."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, select

from smartticket_daemon.errors import JournalError
from smartticket_daemon.journal.folder import state_folder, translated
from smartticket_daemon.journal.journal import SqlJournal
from smartticket_daemon.journal.schema import HEAD, metadata, version
from smartticket_daemon.journal.sqlite import copy_store, open_store

FILE = "journal.db"


def journal_exists(state_dir: Path) -> bool:
    """Whether anything ever ran here; makes no file. Raises JournalError where we may not look."""
    with translated(state_dir):
        return (state_dir / FILE).exists()


def open_journal(state_dir: Path, patience: float = 10.0) -> SqlJournal:
    """The journal of `state_dir`, made or brought up to date where needed.

    Folder and file are for our own user alone. `patience` (s) is how long to wait while another
    process writes. Raises JournalError, in words that say what to do.
    """
    state_folder(state_dir)
    path = state_dir / FILE
    _private_file(path)
    store = open_store(path, patience)
    try:
        with store.reading() as connection:
            current = _stored_version(connection, path) == HEAD
        if not current:
            with store.writing() as connection:
                _bring_up_to_date(connection, path)
    except BaseException:
        store.close()
        raise
    return SqlJournal(store)


def scratch_copy(state_dir: Path, into: Path) -> None:
    """A copy of the journal for a dry run, taken while a daemon may be at work; nothing where none is."""
    if journal_exists(state_dir):
        _private_file(into / FILE)
        copy_store(state_dir / FILE, into / FILE)


def _private_file(path: Path) -> None:
    """SQLite gives its log the rights of the file, so these are set before it opens."""
    with translated(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_mode & 0o077:
                os.fchmod(handle, 0o600)
        finally:
            os.close(handle)


def _stored_version(connection: Connection, path: Path) -> str | None:
    """None for an empty store."""
    tables = inspect(connection).get_table_names()
    if version.name in tables:
        return connection.scalar(select(version.c.version_num))
    if tables:
        raise JournalError(f"{path} belongs to another program: move it away or set another state_dir")
    return None


def _bring_up_to_date(connection: Connection, path: Path) -> None:
    stored = _stored_version(connection, path)
    if stored is None:
        metadata.create_all(connection)
        connection.execute(insert(version).values(version_num=HEAD))
    elif stored != HEAD:
        from smartticket_daemon.journal.migrate import upgrade  # costs 0.1 s and is seldom needed

        upgrade(connection, path)
