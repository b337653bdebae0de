"""An index of one folder by header fields, built once a connection and then kept up with UIDNEXT.

It answers "does this folder hold ...?" a thousand times for the price of one look, and never asks the
server's search index, which may lag or not know our header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from smartticket_connectors.imap.session import Session

STEP = 10_000
"""UIDs one SEARCH covers where a folder holds more messages than this."""
MOST = 80_000
"""An answer with this many UIDs still fits into a line of imaplib (1,000,000 bytes)."""
_BATCH = 500

T = TypeVar("T")

Names = Callable[[bytes, int], Iterable[str]]
"""From a message's header fields and its size to the names it is to be found by."""


def windows(session: Session, low: int, *criteria: str) -> Iterable[tuple[list[int], int]]:
    """All UIDs from `low` on in the open folder, as (UIDs, last UID examined), no SEARCH without bounds."""
    box = session.mailbox
    if box is None:
        return
    last = box.uidnext - 1
    # a folder that holds few messages cannot answer with many, however far apart their UIDs are
    step = STEP if box.exists > STEP else max(last, STEP)
    while low <= last:
        high = min(low + step - 1, last)
        uids = session.search(low, high, *criteria)
        yield uids, high
        session.enter(box.name)
        low = high + 1
        if box.exists > STEP:
            step = STEP if uids else min(step * 2, MOST)


def windows_back(session: Session, high: int, *criteria: str) -> Iterable[tuple[list[int], int]]:
    """UIDs up to `high` in the open folder, newest first, as (UIDs descending, last UID examined)."""
    box = session.mailbox
    if box is None:
        return
    high = min(high, box.uidnext - 1)
    step = STEP if box.exists > STEP else max(high, STEP)
    while high > 0:
        session.enter(box.name)
        low = max(high - step + 1, 1)
        uids = session.search(low, high, *criteria)
        yield uids[::-1], low
        high = low - 1
        if box.exists > STEP:
            step = STEP if uids else min(step * 2, MOST)


def in_batches(uids: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most `size`."""
    return (uids[start : start + size] for start in range(0, len(uids), size))


class FolderIndex:
    """Names of the messages of one folder, each with the UIDs that bear it, the newest last."""

    def __init__(self, session: Session, folder: str, fields: str, names: Names, newest: int = 0) -> None:
        self.folder = folder
        self.validity = 0
        self._session = session
        self._item = f"BODY.PEEK[HEADER.FIELDS ({fields})]<0.65536>"
        self._names = names
        self._newest = newest
        self._epoch = -1
        self._next = 1
        self._uids: dict[str, list[int]] = {}

    def find(self, name: str, *, fresh: bool = True) -> list[int]:
        """UIDs of the messages of that name. `fresh=False` trusts what this connection knows already.

        Leaves another folder selected. Raises NoFolderError when there is no such folder.
        """
        if fresh or self._epoch != self._session.epoch:
            self._refresh()
        return self._uids.get(name, [])

    def add(self, uid: int, names: Iterable[str]) -> None:
        """Take in a message that we have just put there."""
        for name in names:
            self._uids.setdefault(name, []).append(uid)
        if uid == self._next:
            self._next += 1

    def outdate(self) -> None:
        """We put a message there and were not told its UID: look again before the next answer."""
        self._epoch = -1

    def _refresh(self) -> None:
        if self._epoch == self._session.epoch and not self._news():
            return
        box = self._session.select(self.folder)
        if self._epoch != self._session.epoch or box.validity != self.validity:
            self._epoch, self.validity, self._uids = self._session.epoch, box.validity, {}
            self._next = max(1, box.uidnext - self._newest) if self._newest else 1
        for uids, high in windows(self._session, self._next):
            for some in in_batches(uids, _BATCH):
                self._take(some)
            self._next = high + 1

    def _news(self) -> bool:
        status = self._session.call("folder_status", self.folder, ["UIDNEXT", "UIDVALIDITY"])
        return bool(status.get(b"UIDNEXT", 0) != self._next or status.get(b"UIDVALIDITY") != self.validity)

    def _take(self, uids: Sequence[int]) -> None:
        for uid, row in sorted(self._session.fetch(uids, ["RFC822.SIZE", self._item]).items()):
            block = next((v for k, v in row.items() if k.startswith(b"BODY[HEADER.FIELDS")), None)
            for name in self._names(block or b"", int(row.get(b"RFC822.SIZE") or 0)):
                known = self._uids.setdefault(name, [])
                if uid not in known:
                    known.append(uid)
