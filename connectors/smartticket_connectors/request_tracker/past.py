"""Reads the past of our queues by the numbers of tickets, backwards, a hundred in some eight requests.

Tickets that were moved on to another queue belong to it: where people sent them is what they made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartticket_connectors.request_tracker.content import Leaf, compose, fill, ref_of
from smartticket_connectors.request_tracker.desk import Desk
from smartticket_connectors.request_tracker.position import OVERLAP
from smartticket_connectors.request_tracker.shelf import Shelf
from smartticket_connectors.request_tracker.ticket import Ticket
from smartticket_connectors.request_tracker.wire import Step, TicketRow
from smartticket_daemon.domain import Batch, Cursor, Extent, Message, Status, Unreadable
from smartticket_daemon.errors import CursorExpired, RateLimited, RejectedError, Unreachable
from smartticket_daemon.text import clean_line

SPAN = 5_000
"""Numbers that are looked through at a time; most of them may be tickets of other queues."""

CALLS = 8
"""Requests that a batch takes, about."""

EACH = 8
"""Requests that a ticket takes: three looks with the history, one change, one comment."""

Single = Callable[[int], Message | Unreadable | None]


class Place(BaseModel):
    """The cursor: tickets numbered `below` this are next."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    below: int = Field(ge=0)


class Past:
    """The capability HISTORY. `single` reads one ticket by itself, where RT stumbles over many."""

    def __init__(self, name: str, desk: Desk, single: Single) -> None:
        self._name = name
        self._desk = desk
        self._shelf = Shelf(desk)
        self._single = single

    def extent(self, since: datetime | None) -> Extent:
        """See `Remembers.extent`: what is in our queues now, and the moves out of them."""
        tickets = self._shelf.count(since)
        if tickets is not None:
            tickets += self._shelf.count_moved(since)
        batch = self._desk.settings.batch
        return Extent(tickets, None if tickets is None else -(-tickets // batch) * CALLS + 2, EACH)

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """See `Remembers.past`."""
        below = _parse(cursor).below if cursor is not None else self._desk.last() + 1
        batch = self._desk.settings.batch
        while below > 1:
            rows = {row.id: row for row in self._shelf.tickets(below, max(below - SPAN, 1))}
            least = min(rows) if len(rows) == batch else max(below - SPAN, 1)
            numbers = sorted(rows.keys() | self._shelf.moved(below, least), reverse=True)
            for begin in range(0, len(numbers), batch):
                some = numbers[begin : begin + batch]
                found = self._rows(some, rows)
                below = some[-1]
                yield self._batch([row for row in found if not since or row.created >= since], below)
                if since and any(row.created < since - OVERLAP for row in found):
                    return
            below = least

    def _rows(self, numbers: list[int], known: Mapping[int, TicketRow]) -> list[TicketRow]:
        """The tickets with these numbers, without those that are deleted, merged or out of our sight."""
        others = [number for number in numbers if number not in known]
        found = {**known, **(self._desk.states(others) if others else {})}
        return [found[number] for number in numbers if number in found]

    def _batch(self, rows: list[TicketRow], below: int) -> Batch:
        try:
            read: list[tuple[TicketRow, Message | Unreadable | None]] = [*self._read(rows)]
        except RateLimited:
            raise
        except Unreachable:
            self._desk.last()  # RT is there: it stumbles over one of these
            read = [(row, self._single(row.id)) for row in rows]
        messages = tuple(replace(m, fields=self._fields(row)) for row, m in read if isinstance(m, Message))
        unreadable = tuple(m for _, m in read if isinstance(m, Unreadable))
        return Batch(messages, Cursor(Place(below=below).model_dump_json()), unreadable)

    def _read(self, rows: list[TicketRow]) -> Iterator[tuple[TicketRow, Message | Unreadable]]:
        tickets = {row.id: self._desk.ticket_of(row) for row in rows}
        history: dict[int, list[Step]] = {number: [] for number in tickets}
        waiting = [number for number, ticket in tickets.items() if ticket.status is Status.OPEN]
        for step in (*self._shelf.steps("Create", list(tickets)), *self._shelf.steps("Correspond", waiting)):
            history[step.ticket].append(step)
        tickets = {n: replace(ticket, history=tuple(history[n])) for n, ticket in tickets.items()}
        leaves = self._leaves(list(tickets.values()))
        for row in rows:
            yield row, self._message(tickets[row.id], leaves)

    def _leaves(self, tickets: list[Ticket]) -> dict[int, list[Leaf]]:
        """The first messages' parts, by their transactions, with what they say."""
        mails: dict[int, list[Leaf]] = {t.first.id: [] for t in tickets if t.first}
        for row in self._shelf.attachments(list(mails)):
            mails[row.step].append(Leaf(row))
        fill(list(mails.values()), self._shelf.contents)
        return mails

    def _message(self, ticket: Ticket, leaves: Mapping[int, list[Leaf]]) -> Message | Unreadable:
        try:
            return compose(self._desk, self._name, ticket, leaves[ticket.first.id] if ticket.first else [])
        except RejectedError:
            return Unreadable(ref_of(self._name, ticket.number), "cannot_be_read")

    def _fields(self, row: TicketRow) -> tuple[tuple[str, str], ...]:
        """Queue, priority and custom fields but the one of our tags; those without a value are left out."""
        ours = self._desk.settings.tag_field.lower()
        custom = [(f.name, ", ".join(f.values)) for f in row.fields if f.name.lower() != ours]
        priority = "" if row.priority == "0" else row.priority
        values = [("Queue", row.queue.name), ("Priority", priority), *custom]
        return tuple((name, clean_line(value)) for name, value in values if value)


def _parse(cursor: Cursor) -> Place:
    try:
        return Place.model_validate_json(cursor)
    except ValidationError:
        raise CursorExpired("the stored position in Request Tracker's past cannot be read") from None
