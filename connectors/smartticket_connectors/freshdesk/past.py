"""Reads the past of an account: the list of tickets by creation, backwards, and behind its end one by one.

Freshdesk knows page numbers only, over a list that moves: new tickets push all others down, deleted and spam
ones pull them up. So each page is laid over the last one by at least one ticket: while it shows one that was
read before, nothing between can have been passed over. Where it shows none, we go back. Numbers of pages
follow from how many tickets stand before the place; their size is chosen so that little is read twice.

After the last page that Freshdesk turns, tickets are read by their numbers, which only grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.mark import BEGINNING, OVERLAP
from smartticket_connectors.freshdesk.names import FieldNames
from smartticket_connectors.freshdesk.place import Place, Row
from smartticket_connectors.freshdesk.reader import Reader
from smartticket_connectors.freshdesk.walk import EVERYTHING
from smartticket_connectors.freshdesk.writer import LOOK, WHOLE
from smartticket_daemon.domain import Batch, Cursor, Extent, Message, Unreadable
from smartticket_daemon.errors import AccessDenied

SMALLEST = 11
"""Tickets of a page; of fewer, not every size there is would show a new one behind the one read last."""

COST = 1 + 2 * len(EVERYTHING)
"""Requests that a page counts for, with texts, requesters and statistics."""

_SINGLE = len(EVERYTHING)
"""Requests that a ticket by its number counts for."""

_EACH = LOOK + WHOLE
"""Requests that the triage of a ticket counts for, with the look before a first attempt."""


class Past:
    """The capability HISTORY. `size` is the most tickets of a batch."""

    def __init__(self, api: Api, reader: Reader, size: int) -> None:
        self._api = api
        self._reader = reader
        self._size = size
        self._most = max(size, SMALLEST)
        self._names = FieldNames(api)

    def extent(self, since: datetime | None) -> Extent:
        """See `Remembers.extent`. The newest ticket's number; of tickets since a day, what the search has."""
        if since:
            tickets = self._api.found_since(since.date())
        else:
            newest = self._api.tickets(BEGINNING, 1, 1, newest=True)
            tickets = fields.ticket_number(newest[0]) if newest else 0
        if tickets is None:
            return Extent()
        pages, listed = self._pages(tickets)
        calls = pages * COST + max(tickets - listed, 0) * _SINGLE
        return Extent(tickets, calls, _EACH, self._api.pace(_EACH))

    def _pages(self, tickets: int) -> tuple[int, int]:
        """How many pages show so many tickets, and how many they show, where nothing moves meanwhile."""
        place, pages = Place(before=0), 0
        while place.before < tickets and (turned := place.page(self._most)):
            place, pages = Place(before=turned[0] * turned[1]), pages + 1
        return pages, place.before

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """See `Remembers.past`."""
        place = Place(before=0) if cursor is None else Place.parse(cursor)
        while not place.single:
            turned = place.page(self._most)
            if turned is None:
                place = place.model_copy(update={"single": True})
                break
            page, size = turned
            start = (page - 1) * size
            rows = self._rows(page, size, since)
            if page > 1 and not place.joins(rows):
                place = place.model_copy(update={"before": start})
                continue
            new = place.new(rows)
            place = place.model_copy(update={"before": start + len(rows) - len(new)})
            for some in (new[i : i + self._size] for i in range(0, len(new), self._size)):
                place = place.past(some)
                yield self._batch(some, place, since)
            if len(rows) < size or (since and rows[-1].created < since):
                return
        yield from self._singly(place, since)

    def _rows(self, page: int, size: int, since: datetime | None) -> list[Row]:
        """One page. Whatever was created since was changed since, too."""
        begin = BEGINNING if since is None else max(since - OVERLAP, BEGINNING)
        tickets = self._api.tickets(begin, page, size, EVERYTHING, newest=True)
        rows: list[Row] = []
        for ticket in tickets:
            # One that does not say when it was made stands where it is listed.
            rows.append(self._row(ticket, rows[-1].created if rows else self._now()))
        return sorted(rows, key=lambda row: (row.created, row.number), reverse=True)

    def _batch(self, rows: list[Row], place: Place, since: datetime | None) -> Batch:
        wanted = [row for row in rows if since is None or row.created >= since]
        found = [self._message(row.number, row.ticket) for row in wanted]
        messages = tuple(m for m in found if isinstance(m, Message))
        return Batch(messages, place.cursor(), tuple(m for m in found if isinstance(m, Unreadable)))

    def _message(self, number: int, ticket: dict[str, Any]) -> Message | Unreadable:
        try:
            return replace(self._reader.first(number, ticket), fields=self._names.fields(ticket))
        except (ValueError, TypeError, KeyError):
            return Unreadable(self._reader.ref(number), "malformed")

    def _singly(self, place: Place, since: datetime | None) -> Iterator[Batch]:
        """Tickets below the lowest one read, as far as they are there and we may see them."""
        while place.number > 1:
            numbers = range(place.number - 1, max(place.number - 1 - self._size, 0), -1)
            place = place.model_copy(update={"number": numbers[-1]})
            rows = [row for row in map(self._single, numbers) if row]
            yield self._batch(rows, place, since)
            if since and any(row.created < since for row in rows):
                return

    def _single(self, number: int) -> Row | None:
        try:
            ticket = self._reader.ticket(number)
        except AccessDenied:
            self._api.me()  # raises again where it is our key that is refused, and not this ticket alone
            return None
        return self._row(ticket, self._now()) if ticket else None

    def _row(self, ticket: dict[str, Any], otherwise: datetime) -> Row:
        number = fields.ticket_number(ticket)
        try:
            return Row(number, fields.moment(ticket.get("created_at")), ticket)
        except ValueError:
            return Row(number, otherwise, ticket)

    def _now(self) -> datetime:
        return self._api.session.clock.now()
