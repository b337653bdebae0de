"""Where a message lies, and how far a folder was read: the connector's own notes, as text."""

from __future__ import annotations

import hashlib
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

    @property
    def name(self) -> str:
        """Stands in for the fingerprint of a message that cannot be read."""
        return hashlib.sha256(str(self).encode("utf-8", "surrogateescape")).hexdigest()[:32]

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
    """Everything up to `uid` was examined.

    `since` is when a source that began "now" was first read; `failures` counts polls that broke off just
    behind `uid`.
    """

    folder: str
    validity: int
    uid: int
    since: datetime | None = None
    failures: int = 0

    def cursor(self) -> Cursor:
        """The mark as a cursor."""
        fields: dict[str, str | int] = {
            "folder": self.folder,
            "uidvalidity": self.validity,
            "uid": self.uid,
        }
        if self.failures:
            fields["failures"] = self.failures
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
                int(fields.get("failures", 0)),
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            raise CursorExpired("the stored position of this mailbox cannot be read") from None
