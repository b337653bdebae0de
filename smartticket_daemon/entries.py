"""entry_of(): a verdict as the journal takes it in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from smartticket_daemon.domain import Action, Decision, Message, Receipt, State, Triage, Unreadable
from smartticket_daemon.errors import Overtaken, RejectedError
from smartticket_daemon.judge import Verdict
from smartticket_daemon.policy import Policy
from smartticket_daemon.ports import Connector, Entry


def entry_of(verdict: Verdict, connector: Connector, policy: Policy) -> Entry:
    """With its plan where there is work to do; what an earlier journal of ours did counts as applied."""
    message, decision = verdict.message, verdict.decision
    entry = Entry(message.ref, decision, verdict.state, message.created, model=verdict.model)
    if verdict.state is State.PENDING:
        return replace(entry, triage=verdict.triage)
    if decision.reason == "human_decided" and (receipt := _our_own(connector, message)):
        category = policy.category_of(message.tags)
        ours = Decision(Action.APPLY, "already_applied", category, language=decision.language)
        return replace(entry, decision=ours, state=State.APPLIED, receipt=receipt)
    return entry


def _our_own(connector: Connector, message: Message) -> Receipt | None:
    """A tag of ours on a message this journal does not know: an earlier journal's work, or a person's?"""
    try:
        receipt = connector.applied(message.ref, message.ref.key)
    except (Overtaken, RejectedError):
        return None
    return receipt if receipt and receipt.note_id else None


def duplicate(message: Message) -> Verdict:
    """A second delivery is left alone."""
    return Verdict(message, Decision(Action.SKIP, "duplicate"), State.SKIPPED, Triage())


def unreadable(bad: Unreadable, now: datetime) -> Entry:
    """What cannot be read goes to quarantine."""
    return Entry(bad.ref, Decision(Action.SKIP, bad.reason), State.QUARANTINED, now)
