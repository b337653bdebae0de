"""What people made of our decisions: when to look again, what was seen, and how it adds up by week."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, func, insert, select, update

from smartticket_daemon.domain import Key, Opinion, State
from smartticket_daemon.journal.rows import receipt_from, record_from
from smartticket_daemon.journal.schema import feedback, message
from smartticket_daemon.journal.work import DELIVERED, LONGEST_WAIT, must_know
from smartticket_daemon.ports import Feedback, Judged, Week

_STANDS = message.c.state.in_(DELIVERED)
_JOINED = message.outerjoin(feedback, feedback.c.key == message.c.key)
_SEEN = [column.label(f"seen_{column.name}") for column in feedback.c]


def to_look(
    connection: Connection, name: str, since: datetime, until: datetime, now: datetime, limit: int
) -> list[Judged]:
    """Those never looked at first, then the least recently looked at."""
    window = (message.c.source == name) & _STANDS & (message.c.updated >= since) & (message.c.updated < until)
    query = _judged().where(window, _is_due(now)).limit(limit)
    order = (feedback.c.looked.is_not(None), feedback.c.looked, message.c.id)
    return _with_ours(connection, connection.execute(query.order_by(*order)).all())


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Also what was looked at in a future that a clock set back has taken away."""
    return feedback.c.key.is_(None) | (feedback.c.due <= now) | (feedback.c.looked > now + LONGEST_WAIT)


def set_feedback(connection: Connection, found: Mapping[Key, Feedback]) -> None:
    """Each in place of what was known; an unknown key raises JournalError."""
    keys = list(found)
    must_know(connection, keys)
    known = set(connection.scalars(select(feedback.c.key).where(feedback.c.key.in_(keys))))
    if new := [_values(key, found[key]) for key in keys if key not in known]:
        connection.execute(insert(feedback), new)
    if old := [{**_values(key, found[key]), "the_key": key} for key in keys if key in known]:
        connection.execute(update(feedback).where(feedback.c.key == bindparam("the_key")), old)


def _values(key: Key, seen: Feedback) -> dict[str, Any]:
    return {"key": key, **asdict(seen), "opinion": seen.opinion.value}


def decided(connection: Connection, name: str | None) -> list[Judged]:
    """What people have decided about, in the order of its settling."""
    query = _judged().where(_STANDS, feedback.c.opinion != Opinion.UNDECIDED.value)
    if name is not None:
        query = query.where(message.c.source == name)
    return _with_ours(connection, connection.execute(query.order_by(message.c.updated, message.c.id)).all())


def _judged() -> Select[Any]:
    return select(message, *_SEEN).select_from(_JOINED)


def _with_ours(connection: Connection, rows: Iterable[Row[Any]]) -> list[Judged]:
    """A ticket may have several messages of which each got tags of ours."""
    rows = list(rows)
    ours: dict[tuple[str, str], set[str]] = {}
    for some in _chunks(sorted({row.ticket for row in rows})):
        wanted = message.c.ticket.in_(some) & message.c.receipt.is_not(None)
        for row in connection.execute(
            select(message.c.source, message.c.ticket, message.c.receipt).where(wanted)
        ):
            receipt = receipt_from(row.receipt)
            ours.setdefault((row.source, row.ticket), set()).update(receipt.tags if receipt else ())
    none: set[str] = set()
    return [
        Judged(record_from(row), frozenset(ours.get((row.source, row.ticket), none)), _seen(row))
        for row in rows
    ]


def _chunks(values: list[str], size: int = 500) -> Iterable[list[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _seen(row: Row[Any]) -> Feedback | None:
    if row.seen_key is None:
        return None
    told = {part.name: getattr(row, f"seen_{part.name}") for part in fields(Feedback)}
    return Feedback(**{**told, "opinion": Opinion(told["opinion"])})


def weeks(connection: Connection, since: datetime) -> list[Week]:
    """Added up by day in the engine, as engines disagree about weeks, and then by week."""
    day = func.date(message.c.updated)
    counts = {name: func.sum(case((condition, 1), else_=0)) for name, condition in _COUNTED.items()}
    weighed = _COUNTED["weighed"]
    query = (
        select(day, message.c.category, *counts.values(), func.sum(case((weighed, message.c.confidence))))
        .select_from(_JOINED)
        .where(_STANDS, message.c.updated >= since)
        .group_by(day, message.c.category)
    )
    total: dict[tuple[str, str], list[float]] = {}
    for moment, category, *numbers in connection.execute(query):
        line = total.setdefault((_week(str(moment)), category or ""), [0.0] * len(numbers))
        line[:] = [a + (b or 0) for a, b in zip(line, numbers, strict=True)]
    return [_summed(place, line) for place, line in sorted(total.items())]


def _summed(place: tuple[str, str], line: list[float]) -> Week:
    counts: dict[str, Any] = {name: int(number) for name, number in zip(_COUNTED, line[:-1], strict=True)}
    return Week(*place, confidence=line[-1], **counts)


def _week(day: str) -> str:
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02}"


def _is(opinion: Opinion) -> ColumnElement[bool]:
    return feedback.c.opinion == opinion.value


_COUNTED: dict[str, ColumnElement[bool]] = {
    "applied": message.c.state == State.APPLIED.value,
    "abstained": message.c.state == State.ABSTAINED.value,
    "confirmed": _is(Opinion.CONFIRMED),
    "corrected": _is(Opinion.CORRECTED),
    "rejected": _is(Opinion.REJECTED),
    "labelled": _is(Opinion.LABELLED),
    "weighed": (_is(Opinion.CONFIRMED) | _is(Opinion.CORRECTED)) & message.c.confidence.is_not(None),
}
"""By the fields of Week."""
