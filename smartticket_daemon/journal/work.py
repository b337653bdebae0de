"""The life of one piece of work: claimed, settled, given back, quarantined, replayed.

Every change names the state it expects, and the rows it changed say whether that still held:
a second process can neither take the same work nor change what is settled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, null, or_, select, update

from smartticket_daemon.domain import Action, Key, Receipt, State
from smartticket_daemon.errors import JournalError
from smartticket_daemon.journal.rows import entry_values, receipt_values, work_from
from smartticket_daemon.journal.schema import message
from smartticket_daemon.ports import Entry, Work

LONGEST_WAIT = timedelta(days=2)
"""No wait is meant to be longer."""

_PENDING = message.c.state == State.PENDING.value
_SENDING = message.c.state == State.SENDING.value
_OPEN = or_(_PENDING, _SENDING)
_QUARANTINED = message.c.state == State.QUARANTINED.value


DELIVERED = (State.APPLIED.value, State.ABSTAINED.value)
"""States in which a change of ours may stand at the remote."""


def is_due(now: datetime) -> ColumnElement[bool]:
    """Pending, and not waiting, unless for a moment so far ahead that the clock was set back."""
    until = message.c.not_before
    return _PENDING & or_(until.is_(None), until <= now, until > now + LONGEST_WAIT)


def _is_abandoned(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Held for longer than the lease, or since a moment so far ahead that the clock was set back."""
    since = message.c.lease_since
    return _SENDING & or_(since <= now - lease, since > now + lease)


def claim(connection: Connection, name: str, now: datetime, lease: timedelta, limit: int) -> list[Work]:
    """Take up to `limit` pieces of due work of one source.

    Oldest message first, but after a failed attempt in line from the moment it is due again: what always
    fails never stands in the way of the others, nor do they ever keep it from being finished.
    """
    free = (message.c.source == name) & or_(is_due(now), _is_abandoned(now, lease))
    order = (func.coalesce(message.c.not_before, message.c.created), message.c.attempts, message.c.id)
    oldest = select(message.c.id).where(free).order_by(*order).limit(limit)
    taken = (
        update(message)
        .where(message.c.id.in_(oldest.with_for_update(skip_locked=True)), free)
        .values(state=State.SENDING.value, attempts=message.c.attempts + 1, lease_since=now, updated=now)
        .returning(message)
    )
    rows = connection.execute(taken).all()
    return [work_from(row) for row in sorted(rows, key=_place_in_line)]


def _place_in_line(row: Any) -> tuple[datetime, int, int]:
    return row.not_before or row.created, row.attempts, row.id


def complete(connection: Connection, receipts: Mapping[Key, Receipt], now: datetime) -> None:
    """Settle each as its decision says: abstained or applied."""
    rows = [
        {
            "the_key": key,
            "the_position": receipt.position,
            "the_receipt": receipt_values(receipt)["receipt"],
            "the_note": receipt.note_id,
            "now": now,
        }
        for key, receipt in receipts.items()
    ]
    if rows:
        connection.execute(_COMPLETE, rows)
    must_know(connection, receipts)


_COMPLETE = (
    update(message)
    .where(message.c.key == bindparam("the_key"), _OPEN)
    .values(
        state=case(
            (message.c.action == Action.ABSTAIN.value, State.ABSTAINED.value),
            else_=State.APPLIED.value,
        ),
        position=func.coalesce(bindparam("the_position", type_=message.c.position.type), message.c.position),
        receipt=bindparam("the_receipt"),
        note_id=bindparam("the_note"),
        updated=bindparam("now"),
        plan=null(),
        lease_since=null(),
        error="",
    )
)


def skip(connection: Connection, key: Key, reason: str, now: datetime) -> None:
    """Settle as skipped."""
    _settle(connection, key, now, **_skipped(reason))


def _skipped(reason: str) -> dict[str, Any]:
    return {"state": State.SKIPPED.value, "action": Action.SKIP.value, "reason": reason}


def _settle(connection: Connection, key: Key, now: datetime, **values: Any) -> None:
    _change_open(connection, key, now, plan=null(), **values)


def release(
    connection: Connection, key: Key, not_before: datetime, error: str, now: datetime, *, counted: bool
) -> None:
    """Back in line, for later; an attempt that does not count still leaves a doubt."""
    fewer = case((message.c.attempts > 0, message.c.attempts - 1), else_=0)
    count: dict[str, Any] = {} if counted else {"attempts": fewer, "doubtful": True}
    back = {"state": State.PENDING.value, "not_before": not_before, "error": error}
    _change_open(connection, key, now, **back, **count)


def quarantine(connection: Connection, key: Key, reason: str, now: datetime) -> None:
    """Aside, with its plan."""
    _change_open(connection, key, now, state=State.QUARANTINED.value, error=reason)


def unclaim(connection: Connection, key: Key, now: datetime) -> None:
    """As it was before the claim."""
    back = {"state": State.PENDING.value, "attempts": message.c.attempts - 1}
    if not _change(connection, key, _SENDING, now, lease_since=null(), **back):
        must_know(connection, (key,))


def _change_open(connection: Connection, key: Key, now: datetime, **values: Any) -> None:
    if not _change(connection, key, _OPEN, now, lease_since=null(), **values):
        must_know(connection, (key,))


def _change(
    connection: Connection, key: Key, expected: ColumnElement[bool], now: datetime, **values: Any
) -> bool:
    change = update(message).where(message.c.key == key, expected).values(updated=now, **values)
    return connection.execute(change).rowcount == 1


def must_know(connection: Connection, keys: Collection[Key]) -> None:
    """Settled work may be settled again without effect; work that never was is a broken journal."""
    known = connection.scalars(select(message.c.key).where(message.c.key.in_(keys)))
    if missing := set(keys).difference(known):
        raise JournalError(
            f"the journal does not know message {min(missing)}; was its file replaced meanwhile?"
        )


def replay(connection: Connection, key: Key, now: datetime, entry: Entry | None) -> bool:
    """Back in line with a fresh count; it may have reached the remote, so it is looked up first."""
    if entry is None:
        with_plan = _QUARANTINED & message.c.plan.is_not(null())
        values = {"state": State.PENDING.value, "error": ""}
        return _change(connection, key, with_plan, now, **values, **_AFRESH)
    return _change(connection, key, _QUARANTINED, now, **entry_values(entry), **_AFRESH)


_AFRESH: dict[str, Any] = {"attempts": 0, "not_before": null(), "doubtful": True}


def drop(connection: Connection, key: Key, now: datetime) -> bool:
    """Given up by the operator."""
    return _change(connection, key, _QUARANTINED, now, plan=null(), **_skipped("dropped"))


def undone(connection: Connection, key: Key, now: datetime) -> bool:
    """Taken back at the remote; the receipt goes with it."""
    stands = message.c.state.in_(DELIVERED) & message.c.receipt.is_not(null())
    return _change(connection, key, stands, now, receipt=null(), note_id=null(), **_skipped("undone"))
