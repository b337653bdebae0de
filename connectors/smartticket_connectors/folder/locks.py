"""The two locks that mail programs take on an mbox: a lock file beside it, and one of fcntl on it.

The lock file comes first, and is the one that counts for us: it is taken before the mbox is opened, so a
program that keeps to it always opens the file that we renamed into place.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from smartticket_daemon.errors import Unreachable

PATIENCE = 5.0
"""Seconds to wait for another program."""
_STALE = 300.0
"""Seconds after which a lock file counts as forgotten."""


@contextmanager
def dot_locked(path: Path) -> Iterator[None]:
    """Holds `NAME.lock`; raises Unreachable when another program does not let go of it."""
    lock = path.with_name(f"{path.name}.lock")
    mine = path.with_name(f".{path.name}.lock.{os.getpid()}")
    mine.write_text(_owner())
    try:
        _wait(lambda: _linked(mine, lock), path)
    finally:
        mine.unlink()
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def lock_file(file: BinaryIO, path: Path, kind: int) -> None:
    """Locks with fcntl (LOCK_SH or LOCK_EX) until the process closes the file, whichever way it opened it."""
    _wait(lambda: _locked(file, kind), path)


def _wait(attempt: Callable[[], bool], path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not attempt():
        if time.monotonic() > deadline:
            raise Unreachable(f"{path} is locked by another program")
        time.sleep(0.05)


def _linked(mine: Path, lock: Path) -> bool:
    """A link is made at once and with its content, also on a file server."""
    try:
        os.link(mine, lock)
    except FileExistsError:
        if _is_stale(lock):
            lock.unlink(missing_ok=True)
        return False
    return True


def _locked(file: BinaryIO, kind: int) -> bool:
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _owner() -> str:
    return f"{os.getpid()}:{socket.gethostname()}\n"


def _is_stale(lock: Path) -> bool:
    """Left behind by a process of this machine that is dead, or older than any work takes."""
    try:
        text = lock.read_text("ascii", "replace")[:300]
        age = time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return False
    pid, _, host = text.strip().partition(":")
    if host == socket.gethostname() and pid.isascii() and pid.isdigit():
        return not _is_alive(int(pid))
    return age > _STALE


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
