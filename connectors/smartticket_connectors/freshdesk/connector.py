"""FreshdeskConnector: the verbs of the contract for a Freshdesk account.

A category is a tag (or a custom field), a route a group, the suggested reply a private note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import ClassVar

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.check import diagnose
from smartticket_connectors.freshdesk.groups import Groups
from smartticket_connectors.freshdesk.look import Looker, ticket_of
from smartticket_connectors.freshdesk.mark import BEGINNING, OVERLAP, Mark
from smartticket_connectors.freshdesk.past import Past
from smartticket_connectors.freshdesk.reader import Reader, Staff
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_connectors.freshdesk.walk import Walk
from smartticket_connectors.freshdesk.writer import Writer
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
)
from smartticket_daemon.errors import Overtaken, RejectedError

_REMEMBERED = 50_000
"""Tickets that this process knows it has handed over; of others that change the journal is asked."""


class FreshdeskConnector:
    """Speaks to one account, as one of its agents."""

    kind: ClassVar[str] = "freshdesk"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY}
    )
    Settings: ClassVar[type[FreshdeskSettings]] = FreshdeskSettings

    def __init__(self, name: str, settings: FreshdeskSettings) -> None:
        self.name = name
        self.settings = settings
        self._api = Api(settings)
        self._groups = Groups(self._api)
        staff = Staff(self._api)
        self._looker = Looker(self._api, staff, settings.category_field)
        self._reader = Reader(name, settings, self._api, staff, self._groups)
        self._writer = Writer(name, settings, self._api, self._looker, self._groups)
        self._past = Past(self._api, self._reader, settings.batch)
        self._handed_over: dict[int, None] = {}
        self._cursor: Cursor | None = None

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """The key, the agent's role, groups, the field, limits; never raises for what it can report."""
        return diagnose(self._api, self.settings, self._groups, routes, self._writer.stopped)

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield the first messages of tickets that changed since `cursor`; with "now", of new tickets only.

        Our own writes change tickets too. Those that this object handed over already, and that were
        recorded, as the cursor it is given shows, are not handed over again.
        """
        mark = self._beginning() if cursor is None else Mark.parse(cursor)
        if cursor is None or cursor != self._cursor:
            self._handed_over.clear()
        if cursor is None and self.settings.start == "now":
            yield Batch((), mark.cursor())
            return
        walk = Walk(self._api, self.settings.batch)
        for page in walk.pages(mark.at - OVERLAP):
            changed = [item for item in page.items if mark.seen.get(item.number) != item.updated]
            wanted = [i for i in changed if i.number > mark.older and i.number not in self._handed_over]
            messages, unreadable = self._reader.read(wanted, page, walk)
            mark = mark.past((item.number, item.updated) for item in changed)
            if changed:
                self._cursor = mark.cursor()
                yield Batch(tuple(messages), self._cursor, tuple(unreadable))
                self._remember(item.number for item in wanted)

    def _beginning(self) -> Mark:
        """Numbers only grow, so "now" is the highest one there is."""
        if isinstance(self.settings.start, datetime):
            return Mark(self.settings.start)
        newest = self._api.tickets(BEGINNING, 1, 1, newest=True) if self.settings.start == "now" else []
        if not newest:
            return Mark()
        number = fields.ticket_number(newest[0])
        return Mark(fields.updated(newest[0]), number)

    def _remember(self, numbers: Iterable[int]) -> None:
        """Where replies are triaged too, each change counts, so nothing is remembered."""
        if self.settings.on_reply == "skip":
            self._handed_over |= dict.fromkeys(numbers)
        while len(self._handed_over) > _REMEMBERED:
            del self._handed_over[next(iter(self._handed_over))]

    def read(self, ref: MessageRef) -> Message:
        """Read one message again."""
        number = ticket_of(ref)
        ticket = self._reader.ticket(number)
        if ticket is None or fields.status(ticket) is Status.DELETED:
            raise Overtaken("deleted")
        try:
            messages = self._reader.messages(number, ticket)
        except (ValueError, TypeError, KeyError):
            raise RejectedError("the message cannot be read") from None
        if found := next((m for m in messages if m.ref.message == ref.message), None):
            return found
        raise Overtaken("deleted")

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Tags and group in one update, then the private note; what stands already is left as it is."""
        return self._writer.apply(ref, triage, key)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What our note with this key tells; None without one (then `apply` repeats, and doubles nothing)."""
        return self._writer.applied(ref, key)

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """Each ticket as it is now; one in the bin does not exist."""
        for ref in refs:
            yield self._state(ref)

    def _state(self, ref: MessageRef) -> RemoteState:
        try:
            look = self._looker.again(ticket_of(ref))
        except (Overtaken, RejectedError):
            return RemoteState(ref, exists=False)
        status = fields.status(look.ticket)
        if status is Status.DELETED:
            return RemoteState(ref, exists=False, status=status)
        group = self._reader.group(look.ticket)
        return RemoteState(ref, True, status, frozenset(look.categories), group)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take off our tags, put the group back, delete our note; what a person changed since stays."""
        self._writer.undo(ref, receipt)

    def extent(self, since: datetime | None) -> Extent:
        """About how many tickets `past` would yield: the newest one's number, or what the search has."""
        return self._past.extent(since)

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield the tickets that are there, newest first; deleted ones and spam are not in the list."""
        return self._past.past(cursor, since)

    def close(self) -> None:
        """Let go of connections."""
        self._api.session.close()
