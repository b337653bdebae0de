"""RequestTrackerConnector: the verbs of the contract for RT.

Tags are values of a custom field, a route is a queue, the suggested reply an internal comment. Nothing is
ever written that RT shows or mails to a customer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import ClassVar

import structlog

from smartticket_connectors.request_tracker.check import diagnose
from smartticket_connectors.request_tracker.content import read_message, ref_of
from smartticket_connectors.request_tracker.desk import PAGE, Desk
from smartticket_connectors.request_tracker.past import Past
from smartticket_connectors.request_tracker.position import Mark
from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_connectors.request_tracker.ticket import status_of
from smartticket_connectors.request_tracker.wire import TicketRow
from smartticket_connectors.request_tracker.writer import Writer
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
    Triage,
    Unreadable,
)
from smartticket_daemon.errors import Overtaken, RateLimited, RejectedError, Unreachable

log = structlog.get_logger(__name__)


class RequestTrackerConnector:
    """Speaks to one RT."""

    kind: ClassVar[str] = "request_tracker"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY}
    )
    Settings: ClassVar[type[RequestTrackerSettings]] = RequestTrackerSettings

    def __init__(self, name: str, settings: RequestTrackerSettings) -> None:
        self._name = name
        self._settings = settings
        self._desk = Desk(settings)
        self._writer = Writer(self._desk)
        self._past = Past(name, self._desk, self._read)

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """Look at the token, the rights, the custom field and the queues; see `Connector.check`."""
        return diagnose(self._desk, routes)

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield the first messages of tickets that are new since `cursor`; see `Connector.fetch`."""
        mark = Mark.parse(cursor) if cursor is not None else self._beginning()
        if cursor is None:
            yield Batch((), mark.cursor())
        at = mark.settled
        while True:
            rows, now = self._desk.after(at)
            read = [self._read(row.id) for row in rows if row.id not in mark.seen]
            mark = mark.past(rows, now)
            messages = tuple(m for m in read if isinstance(m, Message))
            yield Batch(messages, mark.cursor(), tuple(m for m in read if isinstance(m, Unreadable)))
            if len(rows) < self._settings.batch:
                return
            at = rows[-1].id

    def _beginning(self) -> Mark:
        start = self._settings.start
        if start == "all":
            return Mark()
        return Mark(self._desk.last() if start == "now" else self._desk.before(start.date()))

    def _read(self, number: int) -> Message | Unreadable | None:
        """A ticket that RT itself stumbles over, while it answers otherwise, is put aside."""
        try:
            return read_message(self._desk, self._name, number)
        except Overtaken:
            return None
        except RejectedError:
            return Unreadable(ref_of(self._name, number), "cannot_be_read")
        except RateLimited:
            raise
        except Unreachable:
            self._desk.last()
            log.error("ticket_given_up", source=self._name, ticket=number)
            return Unreadable(ref_of(self._name, number), "cannot_be_read")

    def read(self, ref: MessageRef) -> Message:
        """Read the ticket's first message again; see `Connector.read`."""
        return read_message(self._desk, self._name, _number(ref))

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Tags and queue, then the comment, each only where it is not done yet; see `Connector.apply`."""
        return self._writer.apply(_number(ref), triage, key)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What stands of an earlier attempt, by our comment in the ticket's history; None without one.

        Then `apply` repeats, and changes nothing twice. Raises Overtaken when the ticket is gone.
        """
        return self._writer.applied(_number(ref), key)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take back tags and route that are still ours. RT cannot take back a comment: it stays."""
        self._writer.undo(_number(ref), receipt)

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """Status, tags and queue of each ticket; `group` is empty for one in a queue of ours."""
        wanted = list(refs)
        for begin in range(0, len(wanted), PAGE):
            some = wanted[begin : begin + PAGE]
            rows = self._desk.states([_number(ref) for ref in some])
            yield from (self._state(ref, rows.get(_number(ref))) for ref in some)

    def _state(self, ref: MessageRef, row: TicketRow | None) -> RemoteState:
        if row is None:
            return RemoteState(ref, exists=False)
        name = self._settings.tag_field.lower()
        tags = (tag for one in row.fields if one.name.lower() == name for tag in one.values)
        return RemoteState(
            ref,
            exists=True,
            status=status_of(row.status, self._settings.open_statuses),
            tags=frozenset(tags),
            group=None if row.queue.name in self._settings.queues else row.queue.name,
        )

    def extent(self, since: datetime | None) -> Extent:
        """How many tickets are in our queues, and about how many requests `past` takes for them."""
        return self._past.extent(since)

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield the tickets of our queues, and those that were moved on from there, newest first."""
        return self._past.past(cursor, since)

    def close(self) -> None:
        """Let go of the connection."""
        self._desk.close()


def _number(ref: MessageRef) -> int:
    if not (ref.ticket.isascii() and ref.ticket.isdigit()):
        raise RejectedError("this is no number of a ticket")
    return int(ref.ticket)
