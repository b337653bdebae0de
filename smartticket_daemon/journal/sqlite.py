"""The only place that knows SQLite: its engine, its settings, its log, its errors in words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from smartticket_daemon.errors import JournalError
from smartticket_daemon.journal.store import Explain, Store

_PAUSE = 0.01
_SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")


def open_store(path: Path, patience: float) -> Store:
    """A store in one file; `patience` (s) is how long to wait while another process writes."""
    return Store(_engine(path, patience), explainer(path), _checkpointer(patience))


def copy_store(path: Path, target: Path) -> None:
    """A consistent copy, without holding up whoever writes. Raises JournalError."""
    try:
        with closing(sqlite3.connect(path)) as original, closing(sqlite3.connect(target)) as copy:
            original.backup(copy)
    except sqlite3.Error as error:
        raise JournalError(explainer(path)(error)) from None


def _engine(path: Path, patience: float) -> Engine:
    """One connection for all threads.

    SQLite writes one transaction at a time anyway; waiting in the pool is fair, in SQLite it is polling.
    """
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=max(60.0, 2 * patience),
        connect_args={"timeout": patience, "check_same_thread": False},
        hide_parameters=True,
    )
    event.listen(engine, "connect", partial(_prepare, patience))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(patience: float, connection: Any, record: object) -> None:  # noqa: ARG001
    connection.isolation_level = None
    until = time.monotonic() + patience
    for setting in _SETTINGS:
        while not _set(connection, setting, last=time.monotonic() >= until):
            time.sleep(_PAUSE)


def _set(connection: Any, setting: str, *, last: bool) -> bool:
    """False: busy, so try again. Of several that turn a new file's log on, SQLite lets none wait."""
    try:
        connection.execute(f"PRAGMA {setting}").close()
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: one that reads first could fail after another's write."""
    options = connection.get_execution_options()
    if not options.get("bare"):
        connection.exec_driver_sql("BEGIN" if options.get("reads") else "BEGIN IMMEDIATE")


def _checkpointer(patience: float) -> Callable[[Engine], bool]:
    """Empties the log, outside any transaction as SQLite demands, and waits for nobody who reads."""

    def checkpoint(engine: Engine) -> bool:
        with engine.execution_options(bare=True).connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            try:
                busy, _frames, _moved = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={round(patience * 1000)}")
        return not busy

    return checkpoint


_WORDS = {
    sqlite3.SQLITE_FULL: "no space left for the journal {path}: free space on its disk, then start again",
    sqlite3.SQLITE_IOERR: "the disk failed under the journal {path}: look for a full or broken disk, "
    "then start again",
    sqlite3.SQLITE_BUSY: "another program holds the journal {path}: end it, then start again",
    sqlite3.SQLITE_LOCKED: "another program holds the journal {path}: end it, then start again",
    sqlite3.SQLITE_READONLY: "the journal {path} cannot be written: make it and its folder writable "
    "for the user that runs SmartTicket",
    sqlite3.SQLITE_CANTOPEN: "the journal {path} cannot be opened: look at the rights of its folder, "
    "its disk and the limit of open files",
    sqlite3.SQLITE_NOTADB: "{path} is not a journal of SmartTicket: move it away or set another state_dir",
    sqlite3.SQLITE_CORRUPT: "the journal {path} is damaged: stop SmartTicket, move it away together with "
    "its -wal and -shm, and put back a copy or start without one; nothing is written twice",
}


def explainer(path: Path) -> Explain:
    """Words for the errors of the journal at `path`, by SQLite's primary result code."""

    def explain(cause: BaseException | None) -> str:
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return _WORDS.get(code, "the journal {path} failed: see the service's log").format(path=path)

    return explain
