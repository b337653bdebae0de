"""How far the past was read: the cursor of the walk backwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from smartticket_connectors.freshdesk.api import LAST_PAGE
from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket of the list."""

    number: int
    created: datetime
    ticket: dict[str, Any]


class Place(BaseModel):
    """Everything created after `at` was read, and of what was created in that second the numbers in `seen`.

    `before` is how many tickets stood in the list up to here, `number` the lowest one read. `single` says
    that Freshdesk's list is at its end and tickets are read by their numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    before: int = Field(ge=0)
    at: AwareDatetime | None = None
    seen: frozenset[int] = frozenset()
    number: int = Field(default=0, ge=0)
    single: bool = False

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Raises CursorExpired for anything that is no place in the past."""
        try:
            return cls.model_validate_json(cursor)
        except ValidationError:
            raise CursorExpired("the stored position in Freshdesk's past cannot be read") from None

    def cursor(self) -> Cursor:
        """As text."""
        return Cursor(self.model_dump_json(exclude_defaults=True))

    def page(self, most: int) -> tuple[int, int] | None:
        """Number and size (up to `most`) of the page that begins at or before the last ticket read.

        Of all sizes the one that shows most new tickets; None where Freshdesk turns no such page.
        """
        if self.before == 0:
            return 1, most
        sizes = range(max(most // 2, 1), most + 1)
        best = max(sizes, key=lambda size: (self._new_on(size), size))
        return (self._page(best), best) if self._new_on(best) > 0 else None

    def _page(self, size: int) -> int:
        return (self.before - 1) // size + 1

    def _new_on(self, size: int) -> int:
        page = self._page(size)
        return page * size - self.before if page <= LAST_PAGE else 0

    def joins(self, rows: Sequence[Row]) -> bool:
        """Whether a page shows a ticket that was read: then nothing lies between."""
        return self.at is None or any(self._read(row) for row in rows)

    def new(self, rows: Sequence[Row]) -> list[Row]:
        """Those that were not read, newest first."""
        return [row for row in rows if not self._read(row)]

    def _read(self, row: Row) -> bool:
        return self.at is not None and (
            row.created > self.at or (row.created == self.at and row.number in self.seen)
        )

    def past(self, rows: Sequence[Row]) -> Self:
        """The place behind these tickets, which come next in the list."""
        at = rows[-1].created
        seen = frozenset(row.number for row in rows if row.created == at)
        lowest = min(row.number for row in rows)
        return self.model_copy(
            update={
                "at": at,
                "seen": seen | (self.seen if at == self.at else frozenset()),
                "before": self.before + len(rows),
                "number": min(self.number or lowest, lowest),
            }
        )
