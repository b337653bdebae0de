"""How far a source was read: the connector's own note, as text.

Tickets are read in the order of their numbers. Times would not do: RT reads a time in a search by the time
zone of its user, whatever zone it names, and in whole seconds. A number is given out before the ticket
can be seen, so a ticket may turn up behind the point that we have reached. What is younger than OVERLAP by
RT's own clock is therefore listed again at each poll, and what was taken in of it is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from smartticket_connectors.request_tracker.wire import TicketRow
from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

OVERLAP = timedelta(minutes=5)


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    settled: int
    seen: frozenset[int]


@dataclass(frozen=True, slots=True)
class Mark:
    """Tickets up to the number `settled` are done with; of the later ones, those in `seen` are too."""

    settled: int = 0
    seen: frozenset[int] = frozenset()

    def past(self, rows: list[TicketRow], now: datetime) -> Mark:
        """The mark once these rows, in order and seen at `now` by RT's clock, are taken in."""
        old = (row.id for row in rows if row.created <= now - OVERLAP)
        settled = max(old, default=self.settled)
        seen = self.seen.union(row.id for row in rows)
        return Mark(settled, frozenset(number for number in seen if number > settled))

    def cursor(self) -> Cursor:
        """The mark as a cursor."""
        return Cursor(_Written(settled=self.settled, seen=self.seen).model_dump_json())

    @classmethod
    def parse(cls, cursor: Cursor) -> Mark:
        """The mark in a cursor; raises CursorExpired when it is none of ours."""
        try:
            written = _Written.model_validate_json(cursor)
        except ValidationError:
            raise CursorExpired("the stored position in Request Tracker cannot be read") from None
        return cls(written.settled, written.seen)
