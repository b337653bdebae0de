"""ImapConnector: the verbs of the contract for a mailbox.

Tags are keywords (Gmail: labels), a route is a folder, the suggested reply a draft. Nothing is ever sent, and
nothing is marked as read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import structlog

from smartticket_connectors.imap.border import NoFolderError
from smartticket_connectors.imap.check import diagnose
from smartticket_connectors.imap.drafts import Drafts
from smartticket_connectors.imap.index import in_batches, windows, windows_back
from smartticket_connectors.imap.position import Mark, Position
from smartticket_connectors.imap.reader import Reader
from smartticket_connectors.imap.session import Mailbox, Session
from smartticket_connectors.imap.settings import ImapSettings
from smartticket_connectors.imap.tags import Keeper
from smartticket_connectors.imap.ticket import Finder
from smartticket_connectors.imap.waker import Waker
from smartticket_connectors.imap.writer import Writer
from smartticket_daemon.domain import (
    Batch,
    Capability,
    Cursor,
    Diagnosis,
    Extent,
    Key,
    Message,
    MessageRef,
    Receipt,
    RemoteState,
    Status,
    Triage,
    Unreadable,
)
from smartticket_daemon.errors import CursorExpired, Overtaken, RateLimited, RejectedError, TransientError

log = structlog.get_logger(__name__)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEPS = (7, 1)
"""Messages read at once after a poll, or two, broke off."""
_PATIENCE = 6
"""Polls that may break off at one message before it is put aside."""
_AT_ONCE = 500
"""Messages whose flags are asked for in one FETCH."""


class ImapConnector:
    """Speaks to one mailbox."""

    kind: ClassVar[str] = "imap"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability) - {Capability.BULK}
    Settings: ClassVar[type[ImapSettings]] = ImapSettings

    def __init__(self, name: str, settings: ImapSettings) -> None:
        self.name = name
        self.settings = settings
        self._session = Session(settings)
        self._keeper = Keeper(name, self._session)
        self._reader = Reader(name, self._session, self._keeper)
        self._drafts = Drafts(self._session)
        self._finder = Finder(self._session, self._keeper)
        self._writer = Writer(self._session, self._keeper, self._drafts, self._finder)
        self._waker = Waker(settings)

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """Sign in, open the folder, look at what the server can do; never raises for what it can report."""
        return diagnose(self._session, self._keeper, self._drafts, routes)

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came after `cursor`. Raises CursorExpired for a cursor that is none of ours.

        A new UIDVALIDITY is no reason for that: the folder is read again from a bounded point, and the
        journal recognises by their fingerprints the messages that come again under new numbers.
        """
        mark = Mark.parse(cursor) if cursor is not None else None
        self._session.resume()
        box = self._session.select(self.settings.folder)
        self._waker.seen(box.uidnext)
        if mark is None or mark.folder != box.name:
            mark = self._beginning(box)
            if self.settings.start == "now":
                yield Batch((), mark.cursor())
                return
            yield from self._after(mark, box, self._start_date())
        elif mark.validity != box.validity:
            log.warning("uidvalidity_changed", source=self.name, before=mark.validity, now=box.validity)
            again = Mark(box.name, box.validity, 0, mark.since)
            yield from self._after(again, box, self._window(mark))
        else:
            yield from self._after(mark, box, None)

    def _beginning(self, box: Mailbox) -> Mark:
        if self.settings.start == "now":
            return Mark(box.name, box.validity, box.uidnext - 1, datetime.now(UTC))
        return Mark(box.name, box.validity, 0)

    def _start_date(self) -> datetime | None:
        return None if isinstance(self.settings.start, str) else self.settings.start

    def _window(self, mark: Mark) -> datetime | None:
        """How far back to read a renumbered folder: as far as `start`, or `max_age` where that is now."""
        if self.settings.start != "now":
            return self._start_date()
        recent = datetime.now(UTC) - self.settings.max_age
        return max(recent, mark.since) if mark.since else recent

    def _after(self, mark: Mark, box: Mailbox, since: datetime | None) -> Iterator[Batch]:
        """Everything behind the mark; `since` is exact only where the source began "now"."""
        behind = windows(self._session, mark.uid + 1, *_since(since))
        return self._walk(mark, box, behind, since if self.settings.start == "now" else None)

    def extent(self, since: datetime | None) -> Extent:
        """How many messages the folder shows; see `Remembers.extent`."""
        self._session.resume()
        box = self._session.select(self.settings.folder)
        if since is None:
            return Extent(box.exists)
        return Extent(sum(len(uids) for uids, _ in windows(self._session, 1, *_since(since))))

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield what lies in the folder, newest first; see `Remembers.past`.

        Raises CursorExpired for a cursor that is none of ours and for one of a renumbered folder.
        """
        mark = Mark.parse(cursor) if cursor is not None else None
        self._session.resume()
        box = self._session.select(self.settings.folder)
        if mark is None:
            mark = Mark(box.name, box.validity, box.uidnext)
        elif (mark.folder, mark.validity) != (box.name, box.validity):
            raise CursorExpired("the folder was renumbered, or is another one now")
        older = windows_back(self._session, mark.uid - 1, *_since(since))
        return self._walk(mark, box, older, since)

    def _walk(
        self, mark: Mark, box: Mailbox, steps: Iterable[tuple[list[int], int]], since: datetime | None
    ) -> Iterator[Batch]:
        """The messages of all windows. Walks that break off at the same place go on in smaller steps.

        So a message at which the server itself stumbles is found and put aside, even by separate processes.
        """
        care = min(mark.failures, len(_STEPS))
        for uids, edge in steps:
            while uids:
                some = uids[: min([self.settings.batch, *_STEPS[:care]])]
                try:
                    messages, unreadable = self._read(box, some, mark)
                except RateLimited:
                    raise
                except TransientError:
                    yield Batch((), replace(mark, failures=mark.failures + 1).cursor())
                    raise
                uids = uids[len(some) :]
                mark = replace(mark, uid=some[-1], failures=care)
                young = tuple(m for m in messages if since is None or m.created >= since)
                yield Batch(young, mark.cursor(), tuple(unreadable))
            behind, mark = mark, replace(mark, uid=edge, failures=0)
            if mark != behind:
                yield Batch((), mark.cursor())

    def _read(self, box: Mailbox, uids: list[int], mark: Mark) -> tuple[list[Message], list[Unreadable]]:
        if mark.failures >= _PATIENCE:
            log.error("message_given_up", source=self.name, uid=uids[0], failures=mark.failures)
            return [], [self._reader.unreadable(box, uid) for uid in uids]
        return self._reader.read(box, uids)

    def read(self, ref: MessageRef) -> Message:
        """Read one message again."""
        self._session.resume()
        look = self._finder.find(ref)
        if look is None:
            raise Overtaken("deleted")
        messages, _ = self._reader.read(look.box, [look.position.uid])
        if not messages:
            raise RejectedError("the message cannot be read")
        return replace(messages[0], ref=replace(ref, position=str(look.position)))

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Tags, then the draft, then the move; what stands already is left as it is."""
        self._session.resume()
        return self._writer.apply(ref, triage, key)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """Our draft with this key; None without one (then `apply` repeats, and changes nothing twice)."""
        self._session.resume()
        return self._writer.applied(ref, key)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take off our tags, move back, remove our draft; whatever a person changed since stays."""
        self._session.resume()
        self._writer.undo(ref, receipt)

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """Flags and tags of each message at its position; `group` is its folder where that is not ours.

        An answered message is as near to a solved ticket as a mailbox comes.
        """
        self._session.resume()
        for some in in_batches(list(refs), _AT_ONCE):
            positions = [Position.parse(ref.position) for ref in some]
            rows = self._rows([p for p in positions if p])
            for ref, position in zip(some, positions, strict=True):
                yield self._state(ref, position, rows.get(position) if position else None)

    def _rows(self, positions: list[Position]) -> dict[Position, dict[bytes, Any]]:
        rows: dict[Position, dict[bytes, Any]] = {}
        for folder in sorted({p.folder for p in positions}):
            try:
                box = self._session.select(folder)
            except NoFolderError:
                continue
            uids = [p.uid for p in positions if (p.folder, p.validity) == (folder, box.validity)]
            found = self._session.fetch(sorted(set(uids)), self._keeper.items)
            rows |= {Position(folder, box.validity, uid): row for uid, row in found.items()}
        return rows

    def _state(self, ref: MessageRef, position: Position | None, row: dict[bytes, Any] | None) -> RemoteState:
        if position is None or row is None:
            return RemoteState(ref, exists=False)
        flags = {flag.lower() for flag in row.get(b"FLAGS", ()) if isinstance(flag, bytes)}
        return RemoteState(
            ref,
            exists=True,
            status=_status(flags),
            tags=self._keeper.tags(row),
            group=None if position.folder == self.settings.folder else position.folder,
        )

    def wait(self, seconds: float) -> bool:
        """IDLE on a connection of its own, where the server offers it."""
        return self._waker.wait(seconds)

    def wake(self) -> None:
        """End a `wait` at once."""
        self._waker.wake()

    def close(self) -> None:
        """Close both connections."""
        self._session.close()
        self._waker.close()


def _status(flags: set[bytes]) -> Status:
    if b"\\deleted" in flags:
        return Status.DELETED
    return Status.SOLVED if b"\\answered" in flags else Status.OPEN


def _since(moment: datetime | None) -> list[str]:
    # SEARCH SINCE looks at the day only, in the server's time zone: a day earlier is on the safe side
    if moment is None:
        return []
    day = moment - timedelta(days=1)
    return ["SINCE", f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"]
