"""The state directory, and the border for the operating system's errors about it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smartticket_daemon.errors import JournalError

_MEND = {
    errno.ENOSPC: "free space on its disk, then start again",
    errno.EDQUOT: "raise the quota or free space, then start again",
    errno.EROFS: "its disk is read-only: mount it writable or set another state_dir",
    errno.EACCES: "give it to the user that runs SmartTicket",
    errno.EPERM: "give it to the user that runs SmartTicket",
    errno.ENOTDIR: "a part of its path is a file: set another state_dir",
    errno.EEXIST: "a file stands in its place: move it away or set another state_dir",
    errno.EISDIR: "a folder stands in its place: move it away or set another state_dir",
    errno.EMFILE: "raise the limit of open files",
    errno.ENFILE: "raise the limit of open files",
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Every OSError leaves as JournalError that names the file and what to do."""
    try:
        yield
    except OSError as error:
        mend = _MEND.get(error.errno or 0, "look at the disk and its rights, then start again")
        raise JournalError(f"cannot use {path}: {error.strerror or type(error).__name__}; {mend}") from None


def state_folder(state_dir: Path) -> None:
    """Make the folder where it is missing, for our own user alone; one that is there keeps its rights."""
    with translated(state_dir):
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
