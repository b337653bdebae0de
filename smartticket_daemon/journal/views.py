"""What the journal shows: ledger, reasons, quarantine, records, health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, null, or_, select

from smartticket_daemon.domain import State
from smartticket_daemon.journal.rows import quarantined_from, record_from
from smartticket_daemon.journal.schema import message, source
from smartticket_daemon.journal.work import DELIVERED, is_due
from smartticket_daemon.ports import LEDGER_WORDS, Health, Quarantined, Record


def ledger(connection: Connection) -> dict[str, dict[str, int]]:
    """Counts of every source that the journal has met, also of one without a message."""
    counts = _sources(connection)
    for line in counts.values():
        line.update(dict.fromkeys(LEDGER_WORDS, 0))
    query = select(message.c.source, message.c.state, func.count()).group_by(
        message.c.source, message.c.state
    )
    for name, state, count in connection.execute(query):
        word = State.PENDING.value if state == State.SENDING.value else state
        counts[name]["seen"] += count
        counts[name][word] += count
    return counts


def reasons(connection: Connection) -> dict[str, dict[str, int]]:
    """Skipped messages by reason."""
    counts = _sources(connection)
    skipped = message.c.state == State.SKIPPED.value
    columns = (message.c.source, message.c.reason)
    for name, reason, count in connection.execute(
        select(*columns, func.count()).where(skipped).group_by(*columns).order_by(*columns)
    ):
        counts[name][reason] = count
    return counts


def _sources(connection: Connection) -> dict[str, dict[str, int]]:
    return {name: {} for name in connection.scalars(select(source.c.name).order_by(source.c.name))}


def quarantined(connection: Connection, name: str | None) -> list[Quarantined]:
    """Oldest first by the moment of quarantine."""
    query = select(message).where(message.c.state == State.QUARANTINED.value)
    if name is not None:
        query = query.where(message.c.source == name)
    rows = connection.execute(query.order_by(message.c.updated, message.c.id))
    return [quarantined_from(row) for row in rows]


def find(connection: Connection, text: str) -> list[Record]:
    """By the beginning of the key, or by the whole ticket or message."""
    columns = (message.c.ticket == text, message.c.message == text)
    wanted = or_(message.c.key.startswith(text, autoescape=True), *columns)
    rows = connection.execute(select(message).where(wanted).order_by(message.c.id))
    return [record_from(row) for row in rows]


def delivered(
    connection: Connection, name: str | None, since: datetime | None, until: datetime | None
) -> list[Record]:
    """Settled with a receipt, in the order of their settling."""
    query = select(message).where(message.c.state.in_(DELIVERED), message.c.receipt.is_not(null()))
    if name is not None:
        query = query.where(message.c.source == name)
    if since is not None:
        query = query.where(message.c.updated >= since)
    if until is not None:
        query = query.where(message.c.updated < until)
    return [record_from(row) for row in connection.execute(query.order_by(message.c.updated, message.c.id))]


def due(connection: Connection, name: str, now: datetime) -> int:
    """Pending work that waits for nothing."""
    query = select(func.count()).select_from(message).where(message.c.source == name, is_due(now))
    return connection.scalar(query) or 0


_HEALTH = tuple(source.c[part.name] for part in fields(Health))


def health(connection: Connection, name: str) -> Health:
    """Good health for a source that the journal never met."""
    row = connection.execute(select(*_HEALTH).where(source.c.name == name)).first()
    return Health(**row._mapping) if row else Health()


def health_values(health: Health) -> Mapping[str, Any]:
    """The source's columns for its health."""
    return asdict(health)
