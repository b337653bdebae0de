"""The first schema: sources and messages."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _moment(name: str, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable, **options)


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "source",
        _text("name", primary_key=True),
        _text("cursor", nullable=True),
        _moment("first_poll_done"),
        _moment("failing_since"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        _text("error", server_default=""),
        sa.Column("exit_code", sa.Integer, nullable=False, server_default="0"),
        _moment("not_before"),
        _moment("last_poll"),
        _moment("last_success"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer, primary_key=True),
        _text("key", unique=True),
        sa.Column("source", sa.Text, sa.ForeignKey("source.name"), nullable=False),
        *(_text(name) for name in ("ticket", "message", "position", "state", "action", "reason")),
        _text("category", nullable=True),
        sa.Column("confidence", sa.Double),
        sa.Column("threshold", sa.Double),
        _text("language"),
        _text("model"),
        sa.Column("duplicate", sa.Boolean, nullable=False),
        sa.Column("doubtful", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _moment("created", nullable=False),
        _moment("updated", nullable=False),
        _moment("not_before"),
        _moment("lease_since"),
        sa.Column("plan", sa.JSON),
        sa.Column("receipt", sa.JSON),
        _text("note_id", nullable=True),
        _text("error"),
    )
    op.create_index("message_ticket", "message", ["source", "ticket"])
    op.create_index("message_fingerprint", "message", ["source", "message"])
    op.create_index("message_note", "message", ["source", "note_id"])
    op.create_index("message_state", "message", ["source", "state", "created", "id"])
