"""Values to rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from smartticket_daemon.domain import Action, Decision, Key, MessageRef, Note, Receipt, State, Triage
from smartticket_daemon.ports import Entry, Known, Quarantined, Record, Work

OPEN_STATES = (State.PENDING, State.SENDING)
"""Work that is not settled; every other state is final."""

KEEPS_PLAN = (*OPEN_STATES, State.QUARANTINED)
"""States in which the planned text is still needed."""


def entry_values(entry: Entry) -> dict[str, Any]:
    """What an entry says about its message, at its first recording and when it is replayed."""
    decision = entry.decision
    return {
        "position": entry.ref.position,
        "state": entry.state.value,
        "action": decision.action.value,
        "reason": decision.reason,
        "category": decision.category,
        "confidence": decision.confidence,
        "threshold": decision.threshold,
        "language": decision.language,
        "model": entry.model,
        "duplicate": decision.reason == "duplicate",
        "plan": _entry_plan(entry),
        "error": decision.reason if entry.state is State.QUARANTINED else "",
        **receipt_values(entry.receipt),
    }


def _entry_plan(entry: Entry) -> dict[str, Any] | None:
    if entry.state not in KEEPS_PLAN:
        return None
    if entry.triage is None:
        return plan_from(Triage()) if entry.state in OPEN_STATES else None
    return plan_from(entry.triage)


def plan_from(triage: Triage) -> dict[str, Any]:
    """The triage as JSON."""
    return asdict(triage)


def triage_from(plan: Mapping[str, Any] | None) -> Triage:
    """The triage of a stored plan."""
    plan = plan or {}
    note = plan.get("note")
    return Triage(
        tuple(plan.get("tags", ())),
        plan.get("route"),
        Note(note["body"], note["name"], tuple(note.get("why", ()))) if note else None,
        tuple(plan.get("rivals", ())),
    )


def receipt_values(receipt: Receipt | None) -> dict[str, Any]:
    """The receipt as JSON, and its note's name where it can be searched."""
    if receipt is None:
        return {"receipt": None, "note_id": None}
    return {"receipt": asdict(receipt), "note_id": receipt.note_id}


def receipt_from(stored: Mapping[str, Any] | None) -> Receipt | None:
    """The stored receipt."""
    return None if stored is None else Receipt(**{**stored, "tags": tuple(stored["tags"])})


def ref_from(row: Row[Any]) -> MessageRef:
    """Name and position of the message."""
    return MessageRef(row.source, row.ticket, row.message, row.position)


def _decision_from(row: Row[Any]) -> Decision:
    return Decision(Action(row.action), row.reason, row.category, row.confidence, row.threshold, row.language)


def known_from(row: Row[Any]) -> Known:
    """A message that turned up again."""
    return Known(Key(row.key), ref_from(row), State(row.state), row.duplicate)


def work_from(row: Row[Any]) -> Work:
    """A claimed row; its attempts count this one."""
    return Work(
        key=Key(row.key),
        ref=ref_from(row),
        decision=_decision_from(row),
        triage=triage_from(row.plan),
        attempts=row.attempts,
        doubtful=row.doubtful or row.attempts > 1,
    )


def quarantined_from(row: Row[Any]) -> Quarantined:
    """A line of the quarantine."""
    return Quarantined(Key(row.key), ref_from(row), row.error, row.attempts, row.updated)


def record_from(row: Row[Any]) -> Record:
    """Everything but the text."""
    return Record(
        key=Key(row.key),
        ref=ref_from(row),
        state=State(row.state),
        decision=_decision_from(row),
        receipt=receipt_from(row.receipt),
        attempts=row.attempts,
        error=row.error,
        created=row.created,
        updated=row.updated,
        model=row.model,
    )
