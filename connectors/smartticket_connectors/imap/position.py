"""Where a message lies, and how far a folder was read: the connector's own notes, as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired


@dataclass(frozen=True, slots=True)
class Position:
    """A message is named by folder, UIDVALIDITY and UID for good (RFC 3501, 2.3.1.1)."""

    folder: str
    validity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.folder};{self.validity};{self.uid}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """The position in `text`; None where there is none."""
        folder, numbers = ";".join(text.split(";")[:-2]), text.split(";")[-2:]
        if not folder or len(numbers) != 2 or not all(n.isascii() and n.isdigit() for n in numbers):
            return None
        return cls(folder, int(numbers[0]), int(numbers[1]))


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything up to `uid` was examined. `since` is when a source that began "now" was first read."""

    folder: str
    validity: int
    uid: int
    since: datetime | None = None

    def cursor(self) -> Cursor:
        """The mark as a cursor."""
        fields = {"folder": self.folder, "uidvalidity": self.validity, "uid": self.uid}
        if self.since is not None:
            fields["since"] = self.since.isoformat(timespec="seconds")
        return Cursor(json.dumps(fields, ensure_ascii=False))

    @classmethod
    def parse(cls, cursor: Cursor) -> Mark:
        """The mark in a cursor; raises CursorExpired when it is none of ours."""
        try:
            fields = json.loads(cursor)
            since = fields.get("since")
            return cls(
                str(fields["folder"]),
                int(fields["uidvalidity"]),
                int(fields["uid"]),
                datetime.fromisoformat(since) if since else None,
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            raise CursorExpired("the stored position of this mailbox cannot be read") from None
