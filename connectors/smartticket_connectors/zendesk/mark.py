"""How far an account was read.

Where Zendesk's export is allowed, `after` is its cursor, and the export itself holds back the latest minute.
Otherwise `after` is the cursor of the ticket list by id. `since` is set where a source starts with "now":
tickets created before that moment are not its business, even when they change later.

The past has a mark of its own: `after` is the cursor of the ticket list by id, backwards; `ended` says that
there is nothing behind it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

Way = Literal["export", "list", "past"]


class Mark(BaseModel):
    """A cursor as a value. `place` is the account's address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str
    way: Way
    after: str = Field(default="", max_length=4096)
    since: datetime | None = None
    ended: bool = False

    @classmethod
    def parse(cls, cursor: Cursor, place: str, *, past: bool = False) -> Self:
        """Raises CursorExpired for anything that is not a cursor of this account, or not one of its past."""
        try:
            mark = cls.model_validate_json(cursor)
        except ValidationError:
            raise CursorExpired(f"{place}: the stored position cannot be read") from None
        if mark.place != place or (mark.way == "past") is not past:
            raise CursorExpired(f"{place}: the stored position is of another account, or of another walk")
        return mark

    def cursor(self) -> Cursor:
        """The mark as a cursor."""
        return Cursor(self.model_dump_json(exclude_defaults=True))
