"""ZendeskConnector: the verbs of the contract for a Zendesk account.

Tags are tags, a route is a group, the suggested reply is an internal note. Nothing public is ever written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import ClassVar

from smartticket_connectors.zendesk.auth import auth_of
from smartticket_connectors.zendesk.bulk import Bulk
from smartticket_connectors.zendesk.check import diagnose
from smartticket_connectors.zendesk.desk import Desk
from smartticket_connectors.zendesk.fields import Json, MalformedError
from smartticket_connectors.zendesk.past import Past
from smartticket_connectors.zendesk.reader import Reader, number_of
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_connectors.zendesk.ticket import Ticket
from smartticket_connectors.zendesk.writer import Writer
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
from smartticket_daemon.errors import SmartTicketError
from smartticket_daemon.http import Clock, Session

_AT_ONCE = 100


class ZendeskConnector:
    """Speaks to one account. `clock` is for simulations."""

    kind: ClassVar[str] = "zendesk"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY, Capability.BULK}
    )
    Settings: ClassVar[type[ZendeskSettings]] = ZendeskSettings

    def __init__(self, name: str, settings: ZendeskSettings, clock: Clock | None = None) -> None:
        self.name = name
        self.settings = settings
        self._desk = Desk(name, Session(settings, auth_of(settings), clock=clock))
        self._reader = Reader(name, settings, self._desk)
        self._writer = Writer(name, settings, self._desk)
        self._bulk = Bulk(name, self._desk, self._reader, self._writer)
        self._past = Past(settings, self._desk, self._reader)

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """Sign in, look at rights, reading, groups and writing; never raises for what it can report."""
        return diagnose(self._desk, self.settings, routes, self._writer.stopped)

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came after `cursor`. Raises CursorExpired for a cursor that is none of ours."""
        return self._reader.fetch(cursor)

    def read(self, ref: MessageRef) -> Message:
        """Read one ticket again."""
        return self._reader.read(ref)

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """One write, on the ticket exactly as it was read."""
        return self._writer.apply(ref, triage, key)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What the ticket's audits say that we did under `key`; one read."""
        return self._writer.applied(ref, key)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take off our tags and put the group back; whatever a person changed since stays."""
        self._writer.undo(ref, receipt)

    def apply_many(
        self, work: Sequence[tuple[MessageRef, Triage, Key]]
    ) -> Iterator[tuple[Key, Receipt | SmartTicketError]]:
        """Add the tags of many plans by jobs of Zendesk's, a hundred tickets at a time."""
        return self._bulk.apply_many(work)

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """What the account shows of each ticket now, a hundred in one read."""
        waiting = iter(refs)
        while some := list(islice(waiting, _AT_ONCE)):
            raw = self._desk.tickets(number_of(ref) for ref in some)
            found = {str(item.get("id")): item for item in raw}
            for ref in some:
                yield self._state(ref, found.get(ref.ticket))

    def _state(self, ref: MessageRef, raw: Json | None) -> RemoteState:
        try:
            ticket = Ticket.parse(raw) if raw else None
        except MalformedError:
            ticket = None
        if ticket is None or ticket.status is Status.DELETED:
            return RemoteState(ref, exists=False)
        group = self._desk.group_name(ticket.group)
        return RemoteState(ref, True, ticket.status, frozenset(ticket.tags), group)

    def extent(self, since: datetime | None) -> Extent:
        """How many tickets `past` would yield, as Zendesk counts them."""
        return self._past.extent(since)

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield the tickets of the list, newest first; archived ones are not in it."""
        return self._past.past(cursor, since)

    def close(self) -> None:
        """Let go of the connections, and of what we know of the account."""
        self._desk.forget()
