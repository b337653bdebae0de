"""The requests by which many tickets are read at once: what `Desk` asks for one, asked for a hundred.

RT answers searches for transactions and attachments, by conditions as JSON. It leaves out what we may not
see and gives no total, so a short page is no end: only an empty one is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from smartticket_connectors.request_tracker.desk import PAGE, Desk
from smartticket_connectors.request_tracker.wire import Attachment, Step, TicketRow, Wire, many

T = TypeVar("T", bound=Wire)

_MOST_BYTES = 4 * 1024 * 1024
"""Of contents asked for at once, as far as their sizes are known."""

_STEP = "Type,Creator,ObjectId"

Condition = Mapping[str, Any]


class Shelf:
    """Many of the same kind in one request."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def tickets(self, below: int, least: int) -> list[TicketRow]:
        """The tickets in our queues numbered from `least` to `below`, the highest first, at most a batch."""
        query = f"{self._desk.ours} AND id >= {least} AND id < {below}"
        return many(self._desk.search(query, "DESC", self._desk.settings.batch), TicketRow)

    def count(self, since: datetime | None) -> int | None:
        """About how many tickets are in our queues, or were made there since the day before `since`."""
        created = f" AND Created > '{since.date() - timedelta(days=1)}'" if since else ""
        total = self._desk.search(self._desk.ours + created, "DESC", 1).json().get("total")
        return total if isinstance(total, int) else None

    def moved(self, below: int, least: int) -> set[int]:
        """Numbers of tickets in this range that were ever moved out of one of our queues."""
        conditions = [
            *self._moves(),
            {"field": "ObjectId", "operator": ">=", "value": least},
            {"field": "ObjectId", "operator": "<", "value": below, "entry_aggregator": "AND"},
        ]
        return {step.ticket for step in self._steps(conditions)}

    def count_moved(self, since: datetime | None) -> int:
        """About how many tickets were moved out of our queues, ever or since the day before `since`.

        RT gives no total: the last page with rows is sought, by steps that double, then by halves.
        """
        conditions = self._moves()
        if since:
            day = str(since.date() - timedelta(days=1))
            conditions = [*conditions, {"field": "Created", "operator": ">", "value": day}]
        held, rows, empty = 0, 0, 1
        while found := self._steps_on(conditions, empty):
            held, rows, empty = empty, found, empty * 2
        while empty - held > 1:
            middle = (held + empty) // 2
            if found := self._steps_on(conditions, middle):
                held, rows = middle, found
            else:
                empty = middle
        return max(held - 1, 0) * PAGE + rows

    def _moves(self) -> list[Condition]:
        """What is true of a change of a ticket's queue from one of ours to another."""
        names = self._desk.settings.queues
        ours = [number for name, number in self._desk.queues().items() if name in names]
        moves = [_is("ObjectType", "RT::Ticket"), _is("Type", "Set"), _is("Field", "Queue")]
        return [*moves, _in("OldValue", ours)]

    def steps(self, kind: str, tickets: Sequence[int]) -> Iterator[Step]:
        """The transactions of this kind of these tickets, the oldest first."""
        if tickets:
            conditions = [_is("ObjectType", "RT::Ticket"), _is("Type", kind), _in("ObjectId", tickets)]
            yield from self._steps(conditions)

    def attachments(self, steps: Sequence[int]) -> Iterator[Attachment]:
        """Nodes and leaves of the messages of many transactions, without their content."""
        fields = "ContentType,Filename,Headers,TransactionId"
        if steps:
            yield from self._all("/attachments", [_in("TransactionId", steps)], fields, Attachment)

    def contents(self, sizes: Mapping[int, int]) -> dict[int, bytes]:
        """The content of leaves that hold text, by their numbers; `sizes` are in bytes, 0 for unknown."""
        found: dict[int, bytes] = {}
        for some in _portions(sizes):
            rows = self._page("/attachments", [_in("id", some)], "Content", 1, Attachment)
            found |= {row.id: row.content.encode("utf-8", "replace") for row in rows}
        return found

    def _steps(self, conditions: Sequence[Condition]) -> Iterator[Step]:
        return self._all("/transactions", conditions, _STEP, Step)

    def _steps_on(self, conditions: Sequence[Condition], page: int) -> int:
        return len(self._page("/transactions", conditions, _STEP, page, Step))

    def _all(self, path: str, conditions: Sequence[Condition], fields: str, kind: type[T]) -> Iterator[T]:
        for number in count(1):
            rows = self._page(path, conditions, fields, number, kind)
            yield from rows
            if not rows:
                return

    def _page(
        self, path: str, conditions: Sequence[Condition], fields: str, number: int, kind: type[T]
    ) -> list[T]:
        query = json.dumps(conditions)
        answer = self._desk.get(path, query=query, fields=fields, orderby="id", per_page=PAGE, page=number)
        return many(answer, kind)


def _is(field: str, value: str) -> Condition:
    return {"field": field, "value": value}


def _in(field: str, values: Collection[Any]) -> Condition:
    return {"field": field, "operator": "IN", "value": list(values)}


def _portions(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    some: list[int] = []
    total = 0
    for number, size in sizes.items():
        if some and (len(some) == PAGE or total + size > _MOST_BYTES):
            yield some
            some, total = [], 0
        some.append(number)
        total += size
    if some:
        yield some
