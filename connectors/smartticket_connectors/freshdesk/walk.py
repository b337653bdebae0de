"""The list of tickets, by the time of their last change, without ever trusting a page number.

Pages shift while they are turned: a ticket that changes leaves its place and moves to the end. So each
window begins where the last one ended, and only its first page is read. Further pages are turned only
where a whole page changed within one second; these are then read once more backwards: tickets move
forwards in the list only, so whoever walks against them meets each.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import LAST_PAGE, Api
from smartticket_daemon.errors import ConfigurationError

_SECOND = timedelta(seconds=1)

EVERYTHING = ("description", "requester", "stats")


@dataclass(frozen=True, slots=True)
class Item:
    """One ticket of the list; `whole` where everything that we want of it was included."""

    number: int
    updated: datetime
    ticket: dict[str, Any]
    whole: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page, by last change; `since` and `number` say how to read it again."""

    items: list[Item]
    since: datetime
    number: int


class Walk:
    """`whole` asks for everything at once, which costs seven requests a page instead of one."""

    def __init__(self, api: Api, size: int) -> None:
        self._api = api
        self._size = size
        self.whole = False

    def pages(self, since: datetime) -> Iterator[Page]:
        """All that changed since then, earliest change first."""
        start: datetime | None = since
        while start is not None:
            page = self.read(start, 1)
            yield page
            if len(page.items) < self._size:
                return
            start = _onwards(page) or (yield from self._crowd(start))

    def _crowd(self, since: datetime) -> Generator[Page, None, datetime | None]:
        """More tickets changed in one second than a page holds. Where to go on; None at the end."""
        for number in range(2, LAST_PAGE + 1):
            page = self.read(since, number)
            yield page
            onwards = _onwards(page)
            if onwards or len(page.items) < self._size:
                for before in range(number - 1, 0, -1):
                    yield self.read(since, before)
                return onwards
        raise ConfigurationError(
            f"more than {LAST_PAGE * self._size} tickets changed within a second: Freshdesk lists no more"
            " of them; set batch = 100, or start later"
        )

    def read(self, since: datetime, number: int) -> Page:
        """One page; Unreachable when it is not what the service sends."""
        include = EVERYTHING if self.whole else ()
        tickets = self._api.tickets(since, number, self._size, include)
        items = [Item(fields.ticket_number(t), fields.updated(t), t, self.whole) for t in tickets]
        return Page(sorted(items, key=lambda item: (item.updated, item.number)), since, number)


def _onwards(page: Page) -> datetime | None:
    """Where the next window begins: a second back, whether or not `updated_since` includes its moment."""
    if not page.items:
        return None
    start = page.items[-1].updated - _SECOND
    return start if start > page.since else None
