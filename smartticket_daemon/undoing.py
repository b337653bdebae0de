"""undo() takes a delivered change back; differences() says where the remote departs from the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from smartticket_daemon.domain import MessageRef, Receipt, RemoteState
from smartticket_daemon.errors import ConfigurationError, Overtaken, RejectedError
from smartticket_daemon.pipeline import Source
from smartticket_daemon.ports import Record, ReportsState, Undoes

log = structlog.get_logger()

AT_ONCE = 100
"""How many tickets are asked about together."""


def undo(source: Source, record: Record) -> str:
    """Take back what we changed and no person changed since; returns `undone` or `gone`.

    The remote comes first: should we die in between, a second undo finds nothing left to do there.
    Raises ConfigurationError where the connector cannot undo, TransientError and RejectedError as it says.
    """
    connector = source.connector
    if not isinstance(connector, Undoes):
        raise ConfigurationError(f"{source.name}: {connector.kind} cannot undo")
    outcome = "undone"
    try:
        connector.undo(_where(record), _receipt(record))
    except Overtaken:
        outcome = "gone"
    source.journal.undone(record.key, source.clock())
    log.info("undone", source=source.name, key=record.key, outcome=outcome)
    return outcome


def differences(source: Source, records: Sequence[Record]) -> Iterator[tuple[Record, list[str]]]:
    """Each record whose change no longer stands as the receipt says, with the differences by name.

    `gone`, `tag_removed TAG`, `route_changed`, `note_gone` (sent or deleted by an agent).
    """
    connector = source.connector
    if not isinstance(connector, ReportsState):
        raise ConfigurationError(f"{source.name}: {connector.kind} cannot report what stands there")
    for start in range(0, len(records), AT_ONCE):
        some = records[start : start + AT_ONCE]
        states = connector.current([_where(record) for record in some])
        for record, state in zip(some, list(states), strict=True):
            if found := _compare(source, record, state):
                yield record, found


def _compare(source: Source, record: Record, state: RemoteState) -> list[str]:
    if not state.exists:
        return ["gone"]
    receipt = _receipt(record)
    there = {tag.lower() for tag in state.tags}
    found = [f"tag_removed {tag}" for tag in receipt.tags if tag.lower() not in there]
    if receipt.route and state.group != receipt.route:
        found.append("route_changed")
    if receipt.note_id and not _note_stands(source, record):
        found.append("note_gone")
    return found


def _note_stands(source: Source, record: Record) -> bool:
    try:
        standing = source.connector.applied(_where(record), record.key)
    except (Overtaken, RejectedError):
        return False
    return standing is not None and standing.note_id is not None


def _receipt(record: Record) -> Receipt:
    return record.receipt or Receipt()


def _where(record: Record) -> MessageRef:
    return replace(record.ref, position=_receipt(record).position or record.ref.position)
