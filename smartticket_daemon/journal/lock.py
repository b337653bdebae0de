"""One daemon for each state directory."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smartticket_daemon.errors import StateHeld
from smartticket_daemon.journal.folder import state_folder, translated

FILE = "daemon.lock"
LOOKS = (0, 0.02, 0.05, 0.1)
"""Pauses (s) before each look, then we give up: `holder` takes the lock for a moment when it looks."""


@contextmanager
def hold_state(state_dir: Path) -> Iterator[None]:
    """Hold the state directory until the block ends or the process dies, however it dies.

    The kernel's lock is the truth (flock); what stands in the file only says who holds it.
    Raises StateHeld when another process, or another block of this one, holds it.
    """
    state_folder(state_dir)
    path = state_dir / FILE
    with translated(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(handle, state_dir)
        _sign(handle, path)
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a state directory, in words, and since when (None in the moment of its start)."""

    words: str
    since: datetime | None


def holder(state_dir: Path) -> Holder | None:
    """Who holds the state directory now; None when nobody does."""
    path = state_dir / FILE
    if not path.exists():
        return None
    with translated(path):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    finally:
        os.close(handle)
    return None


def _lock(handle: int, state_dir: Path) -> None:
    with translated(state_dir / FILE):
        for pause in LOOKS:
            time.sleep(pause)
            if _locked(handle):
                return
        raise StateHeld(f"{state_dir} is in use: {_holder(handle).words}; end it or set another state_dir")


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(handle: int, path: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    with translated(path):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode("ascii"), 0)


def _holder(handle: int) -> Holder:
    """In the moment between lock and signature the file may be empty or tell of an earlier holder."""
    try:
        told = json.loads(os.pread(handle, 1000, 0))
        words = f"process {told['pid']} on {told['host']} since {told['since']}"
        return Holder(words, datetime.fromisoformat(told["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder("another SmartTicket has just started", None)
