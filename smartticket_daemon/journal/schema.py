"""Tables of the journal, and the column types that keep every value exact on every engine.

A change here needs a new migration beside it and a new `HEAD`; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

HEAD = "0003"
"""The schema version that this code reads and writes."""


class Utc(TypeDecorator[datetime]):
    """A moment: aware on the way in and out, UTC at rest. A naive one is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the journal takes aware datetimes only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Any Python string, exactly: engines refuse NUL or lone surrogates, and hostile mail has both.

    Stored in Python's `unicode_escape` form, which is plain ASCII, reversible, and unequal for
    unequal strings, so that equality and lookup go on working in the engine.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else value.encode("unicode_escape").decode("ascii")

    def process_result_value(self, value: Any, dialect: Any) -> str | None:  # noqa: ARG002
        return None if value is None else value.encode("ascii").decode("unicode_escape")


metadata = MetaData()

version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

source = Table(
    "source",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("cursor", AnyText),
    Column("first_poll_done", Utc),
    Column("failing_since", Utc),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", AnyText, nullable=False, server_default=""),
    Column("exit_code", Integer, nullable=False, server_default="0"),
    Column("not_before", Utc),
    Column("last_poll", Utc),
    Column("last_success", Utc),
)

backfill = Table(
    "backfill",
    metadata,
    Column("source", AnyText, ForeignKey("source.name"), primary_key=True),
    Column("cursor", AnyText),
    Column("tickets", Integer, nullable=False),
    Column("since", Utc),
    Column("finished", Utc),
)

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", AnyText, nullable=False, unique=True),
    Column("source", AnyText, ForeignKey("source.name"), nullable=False),
    Column("ticket", AnyText, nullable=False),
    Column("message", AnyText, nullable=False),
    Column("position", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("action", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("category", AnyText),
    Column("confidence", Double),
    Column("threshold", Double),
    Column("language", AnyText, nullable=False),
    Column("model", AnyText, nullable=False),
    Column("duplicate", Boolean, nullable=False),
    Column("doubtful", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Utc, nullable=False),
    Column("updated", Utc, nullable=False),
    Column("not_before", Utc),
    Column("lease_since", Utc),
    Column("plan", JSON(none_as_null=True)),
    Column("receipt", JSON(none_as_null=True)),
    Column("note_id", AnyText),
    Column("error", AnyText, nullable=False),
    Index("message_ticket", "source", "ticket"),
    Index("message_fingerprint", "source", "message"),
    Index("message_note", "source", "note_id"),
    Index("message_state", "source", "state", "created", "id"),
)
"""`doubtful`: look at the remote even before a first attempt. `plan` holds the text; final states null it."""

feedback = Table(
    "feedback",
    metadata,
    Column("key", AnyText, ForeignKey("message.key"), primary_key=True),
    Column("opinion", AnyText, nullable=False),
    Column("label", AnyText),
    Column("since", Utc, nullable=False),
    Column("looked", Utc, nullable=False),
    Column("due", Utc, nullable=False),
)
"""What people made of our decisions; no text, and not who they were."""
