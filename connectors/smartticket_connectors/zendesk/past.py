"""Reads the past of an account: the ticket list by id, backwards.

A ticket keeps its place in that list whatever happens to it, new ones stand before its beginning, and the
cursor names a place, so neither a page nor a ticket is ever left out. It holds no archived tickets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from smartticket_connectors.zendesk.desk import EACH, PAGE, Desk
from smartticket_connectors.zendesk.fields import Json, MalformedError, moment, objects, text, whole
from smartticket_connectors.zendesk.mark import Mark
from smartticket_connectors.zendesk.reader import Reader
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_connectors.zendesk.ticket import channel_of, users_of, with_metrics
from smartticket_daemon.domain import Batch, Cursor, Extent, Message, Unreadable
from smartticket_daemon.text import clean_line

_OUT_OF_ORDER = timedelta(minutes=5)
"""Tickets made at the same time may get their ids in another order; never by more than this."""

_BESIDES = 2
"""Calls besides those for the pages: the fields' names, and the groups'."""


class Past:
    """The capability HISTORY."""

    def __init__(self, settings: ZendeskSettings, desk: Desk, reader: Reader) -> None:
        self._settings = settings
        self._desk = desk
        self._reader = reader
        self._size = min(settings.batch, PAGE)
        self._names: dict[int, FieldName] = {}

    def extent(self, since: datetime | None) -> Extent:
        """See `Remembers.extent`. Zendesk's own count; of tickets since a moment, the search's."""
        tickets = self._desk.count(since)
        calls = None if tickets is None else math.ceil(tickets / self._size) + _BESIDES
        return Extent(tickets, calls, EACH, self._desk.pace())

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """See `Remembers.past`."""
        place = self._settings.url
        mark = Mark(place=place, way="past") if cursor is None else Mark.parse(cursor, place, past=True)
        while not mark.ended:
            page = self._reader.page(mark, lambda m: self._desk.past(m.after, self._size))
            mark, more = self._reader.turn(mark, page)
            mark = mark if more else mark.model_copy(update={"ended": True})
            rows = with_metrics(page)
            yield self._batch(rows, page, mark, since)
            if since and any(_ends(raw, since - _OUT_OF_ORDER) for raw in rows):
                return

    def _batch(self, rows: list[Json], page: Json, mark: Mark, since: datetime | None) -> Batch:
        users = users_of(objects(page.get("users")))
        found = [(raw, self._reader.entry(raw, users, since)) for raw in rows]
        messages = tuple(replace(m, fields=self._fields(raw)) for raw, m in found if isinstance(m, Message))
        return Batch(messages, mark.cursor(), tuple(m for _, m in found if isinstance(m, Unreadable)))

    def _fields(self, raw: Json) -> tuple[tuple[str, str], ...]:
        """Type, priority and custom fields as agents see them; those without a value are left out."""
        values = [("type", text(raw.get("type"))), ("priority", text(raw.get("priority")))]
        for one in objects(raw.get("custom_fields")):
            number, value = whole(one.get("id")), one.get("value")
            if number is not None and value not in (None, "", False, []):
                name = self._name(number)
                values.append((name.title, name.shown(value)))
        return tuple((name, value) for name, value in values if value)

    def _name(self, number: int) -> FieldName:
        if number not in self._names:
            self._names |= names_of(self._desk.ticket_fields())
            self._names.setdefault(number, FieldName(str(number), {}))
        return self._names[number]


class FieldName:
    """What a custom field and its choices are called."""

    def __init__(self, title: str, choices: dict[str, str]) -> None:
        self.title = title
        self._choices = choices

    def shown(self, value: Any) -> str:
        """A value as it is shown: choices by their names, several with commas, a tick as `true`."""
        several = value if isinstance(value, list) else [value]
        words = ("true" if one is True else str(one) for one in several)
        return clean_line(", ".join(self._choices.get(word, word) for word in words))


def names_of(fields: Iterator[Json]) -> dict[int, FieldName]:
    """The names of custom fields by their numbers."""
    found: dict[int, FieldName] = {}
    for raw in fields:
        choices = {
            text(o.get("value")): text(o.get("name")) for o in objects(raw.get("custom_field_options"))
        }
        if (number := whole(raw.get("id"))) is not None:
            found[number] = FieldName(clean_line(text(raw.get("title"))) or str(number), choices)
    return found


def _ends(raw: Json, before: datetime) -> bool:
    """Whether nothing younger can follow.

    Tickets that came through the API prove nothing: an import gives old dates to new numbers.
    """
    try:
        return channel_of(raw) != "api" and moment(raw.get("created_at")) < before
    except MalformedError:
        return False
