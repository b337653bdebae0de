"""What is taken in: cursors, new messages, new positions, and the look at what is known already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from smartticket_daemon.domain import Cursor, Key
from smartticket_daemon.journal.rows import entry_values, known_from
from smartticket_daemon.journal.schema import backfill, message, source
from smartticket_daemon.ports import Backfill, Entry, Known

_CHUNK = 500
"""Values in one IN list; engines bound the number of parameters."""


def record(
    connection: Connection,
    name: str,
    entries: Sequence[Entry],
    cursor: Cursor,
    moved: Mapping[Key, str],
    now: datetime,
) -> int:
    """Store the batch; returns how many messages were new.

    The source's row comes first: an engine with row locks thereby lets one batch of a source in at a time.
    """
    set_source(connection, name, cursor=cursor)
    _move(connection, moved)
    return _add(connection, name, entries, now, backlog=_first_poll_missing(connection, name))


def record_past(
    connection: Connection,
    name: str,
    entries: Sequence[Entry],
    reached: Backfill,
    moved: Mapping[Key, str],
    now: datetime,
) -> int:
    """Store a batch of the past and how far it reaches; returns how many messages were new."""
    set_source(connection, name)
    values = {"source": name, **asdict(reached)}
    if not connection.execute(update(backfill).where(backfill.c.source == name).values(values)).rowcount:
        connection.execute(insert(backfill).values(values))
    _move(connection, moved)
    return _add(connection, name, entries, now, backlog=True)


def backfill_of(connection: Connection, name: str) -> Backfill:
    """An untouched past where none was recorded."""
    columns = (backfill.c[part.name] for part in fields(Backfill))
    row = connection.execute(select(*columns).where(backfill.c.source == name)).first()
    return Backfill(**row._mapping) if row else Backfill()


def set_source(connection: Connection, name: str, **values: Any) -> None:
    """Change the source's row, made when it is missing."""
    values = {"name": name, **values}
    if not connection.execute(update(source).where(source.c.name == name).values(values)).rowcount:
        connection.execute(insert(source).values(values))


def _move(connection: Connection, moved: Mapping[Key, str]) -> None:
    for key, position in moved.items():
        connection.execute(update(message).where(message.c.key == key).values(position=position))


def _add(connection: Connection, name: str, entries: Sequence[Entry], now: datetime, *, backlog: bool) -> int:
    fresh = _unknown(connection, entries)
    if fresh:
        connection.execute(insert(message), [_new_row(e, name, backlog, now) for e in fresh])
    return len(fresh)


def _unknown(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Of two entries with one key the first counts."""
    fresh: dict[Key, Entry] = {}
    for entry in entries:
        fresh.setdefault(entry.ref.key, entry)
    for keys in _chunks(tuple(fresh)):
        for key in connection.scalars(select(message.c.key).where(message.c.key.in_(keys))).all():
            del fresh[Key(key)]
    return list(fresh.values())


def _first_poll_missing(connection: Connection, name: str) -> bool:
    return connection.scalar(select(source.c.first_poll_done).where(source.c.name == name)) is None


def _new_row(entry: Entry, name: str, backlog: bool, now: datetime) -> dict[str, Any]:
    return {
        "key": entry.ref.key,
        "source": name,
        "ticket": entry.ref.ticket,
        "message": entry.ref.message,
        "created": entry.created,
        "updated": now,
        "attempts": 0,
        "doubtful": backlog,
        **entry_values(entry),
    }


def known(connection: Connection, name: str, tickets: Iterable[str]) -> list[Known]:
    """Messages of these tickets in the order in which they were recorded."""
    return [known_from(row) for row in of_tickets(connection, name, tickets)]


def of_tickets(connection: Connection, name: str, tickets: Iterable[str]) -> list[Row[Any]]:
    """Their rows, in the order in which they were recorded."""
    rows: list[Row[Any]] = []
    for some in _chunks(set(tickets)):
        mine = (message.c.source == name) & message.c.ticket.in_(some)
        rows += connection.execute(select(message).where(mine)).all()
    return sorted(rows, key=lambda row: row.id)


def threads(connection: Connection, name: str, fingerprints: Iterable[str]) -> set[str]:
    """Those that name a recorded message or a note that we wrote."""
    found: set[str] = set()
    for some in _chunks(set(fingerprints)):
        for column in (message.c.message, message.c.note_id):
            mine = (message.c.source == name) & column.in_(some)
            found.update(connection.scalars(select(column).where(mine)))
    return found


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    everything = list(values)
    for start in range(0, len(everything), _CHUNK):
        yield everything[start : start + _CHUNK]
