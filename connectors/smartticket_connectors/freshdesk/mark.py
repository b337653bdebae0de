"""The cursor: how far the walk over the changed tickets has come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

OVERLAP = timedelta(seconds=60)
"""How far each poll looks back: the list lags behind, and moments are whole seconds."""

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any ticket."""

REMEMBERED = 5_000
"""Tickets of the overlap that a cursor remembers; more come again, and the journal knows them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything changed before `at` is done, and the versions in `seen` (ticket: moment of change).

    Tickets numbered up to `older` were there before this source began, and are not looked at.
    """

    at: datetime = BEGINNING
    older: int = 0
    seen: Mapping[int, datetime] = field(default_factory=dict)

    def past(self, versions: Iterable[tuple[int, datetime]]) -> Mark:
        """The mark once these are done too."""
        seen = {**self.seen, **dict(versions)}
        at = max([self.at, *seen.values()])
        recent = [(moment, ticket) for ticket, moment in seen.items() if moment >= at - OVERLAP]
        kept = {ticket: moment for moment, ticket in sorted(recent)[-REMEMBERED:]}
        return Mark(at, self.older, kept)

    def cursor(self) -> Cursor:
        """As text."""
        ages = {
            str(ticket): round((self.at - moment).total_seconds()) for ticket, moment in self.seen.items()
        }
        return Cursor(json.dumps({"at": int(self.at.timestamp()), "older": self.older, "seen": ages}))

    @classmethod
    def parse(cls, cursor: Cursor) -> Mark:
        """Raises CursorExpired for a cursor that is none of ours."""
        try:
            said = json.loads(cursor)
            at = datetime.fromtimestamp(_count(said["at"]), UTC)
            seen = {int(n): at - timedelta(seconds=_count(age)) for n, age in said["seen"].items()}
            return cls(at, _count(said["older"]), seen)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
            raise CursorExpired("the cursor is not one of this connector's") from None


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("no count")
    return value
