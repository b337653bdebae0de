"""What a format must be able to do, and the places where its messages lie."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote_from_bytes, unquote_to_bytes

from smartticket_daemon.domain import Cursor, Key
from smartticket_daemon.errors import RejectedError

RECORDS = "smartticket-tags"
"""Name of the directory that holds our records; no leading dot, which in a Maildir would make it a folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies: its folder (empty: the one that is read) and its name in there.

    As text both are percent-encoded, so any bytes a file name may hold survive the journal.
    """

    folder: str
    name: str

    def __str__(self) -> str:
        name = _quoted(self.name)
        return f"{_quoted(self.folder)}/{name}" if self.folder else name

    @classmethod
    def parse(cls, position: str) -> Place:
        """The place that `str` made this text of."""
        folder, _, name = position.rpartition("/")
        return cls(os.fsdecode(unquote_to_bytes(folder)), os.fsdecode(unquote_to_bytes(name)))


def _quoted(name: str) -> str:
    return quote_from_bytes(os.fsencode(name), safe="=,+@")


def is_safe(name: str) -> bool:
    """Whether a folder of this name lies beside or inside the source and nowhere else."""
    plain = bool(name) and not name.startswith(".") and "/" not in name
    return plain and name.isprintable() and RECORDS not in name


def safe(name: str) -> str:
    """`name`; raises RejectedError for one that could lead out of the source."""
    if not is_safe(name):
        raise RejectedError(f"{name!r} is not the plain name of a folder; correct it in the settings")
    return name


def moment(seconds: float) -> datetime:
    """A time of the file system's as a date, also where it is beyond what a date can be."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC)


def exists(path: Path) -> bool:
    """Whether there is an entry; not being allowed to look is an error and not a no."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it lies there. `raw` may be cut off, `size` is what it has in full.

    `flags` are letters as in a Maildir: R answered, T deleted, D draft, S seen ...
    """

    raw: bytes
    size: int
    received: datetime
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Places of new messages, and the cursor that covers everything up to them."""

    places: Sequence[Place]
    cursor: Cursor


class Box(Protocol):
    """One source of one format. Any method may raise OSError, which becomes ours in the connector."""

    records: Path
    """Directory for our records."""

    def arrivals(self, cursor: Cursor | None, *, only_new: bool) -> Iterator[Arrivals]:
        """What came since, oldest first. Without a cursor: everything, or with `only_new` nothing yet.

        Raises CursorExpired for a cursor that is not of this source.
        """
        ...

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Arrivals]:
        """What is there, newest first, from behind the cursor; what is older than `since` may be left out.

        Raises CursorExpired for a cursor that is not of this source's past.
        """
        ...

    def places(self) -> Sequence[Place]:
        """Every message of the folder that is read."""
        ...

    def read(self, place: Place, limit: int) -> Letter | None:
        """The message with its first `limit` bytes; None when it is gone."""
        ...

    def target(self, place: Place, folder: str) -> Place:
        """The free place that a message should get in another folder."""
        ...

    def move(self, place: Place, target: Place) -> None:
        """Move a message with its flags. Interrupted, it leaves it whole at one place or at both."""
        ...

    def draft_place(self, key: Key, folder: str) -> Place:
        """Where the draft for `key` lies, the same on every attempt."""
        ...

    def write_draft(self, place: Place, raw: bytes) -> None:
        """Write a draft, whole or not at all; one that is there stays as it is."""
        ...

    def remove(self, place: Place) -> None:
        """Remove a draft of ours."""
        ...

    def has_folder(self, folder: str) -> bool:
        """Whether there is such a folder."""
        ...

    def make_folder(self, folder: str) -> None:
        """Make a folder."""
        ...

    def writable(self) -> bool:
        """Whether we have the rights that tagging, moving and drafting need."""
        ...
