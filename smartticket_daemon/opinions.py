"""opinion_of(): what people made of one decision, from what the ticket carries now. Pure.

Only what differs from our own receipts is a person's doing. What cannot be told is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from smartticket_daemon.domain import Action, Opinion, RemoteState, Status
from smartticket_daemon.policy import Policy
from smartticket_daemon.records import Judged

READABLE = (Status.OPEN, Status.SOLVED, Status.CLOSED)
"""Of a deleted or merged ticket, or one called spam, the tags say nothing any more."""

Told = tuple[Opinion, str | None]
"""What people think, and the category they chose, if any."""

UNDECIDED: Told = (Opinion.UNDECIDED, None)


class Teacher(StrEnum):
    """By what agents say that a category is wrong: its tag, or the group the ticket lies in."""

    TAG = "tag"
    GROUP = "group"


def opinion_of(judged: Judged, state: RemoteState, policy: Policy, teacher: Teacher) -> Told | None:
    """What `state` tells; None where it tells nothing, so that what was known before stays true."""
    if not state.exists or state.status not in READABLE:
        return None
    read = _by_tag if teacher is Teacher.TAG else _by_group
    told = read(judged, state, policy)
    stands = told == (Opinion.CONFIRMED, None)
    return UNDECIDED if stands and not state.status.ended else told


def _by_tag(judged: Judged, state: RemoteState, policy: Policy) -> Told | None:
    names = {category.tag.lower(): name for name, category in policy.categories.items()}
    ours = {tag.lower() for tag in judged.ours}
    there = {tag.lower() for tag in state.tags} & names.keys()
    theirs = {names[tag] for tag in there - ours}
    if _abstained(judged):
        return _chosen(theirs, Opinion.LABELLED)
    own = policy.categories.get(judged.record.decision.category or "")
    written = own.tag.lower() if own else ""
    if written not in ours:
        return None  # another model or other settings must not wipe out what was seen before
    if written in there:
        return UNDECIDED if theirs else (Opinion.CONFIRMED, None)
    return _chosen(theirs, Opinion.CORRECTED) if theirs else (Opinion.REJECTED, None)


def _by_group(judged: Judged, state: RemoteState, policy: Policy) -> Told:
    routes = _routes(policy)
    theirs = {routes[state.group]} if state.group in routes else set()
    if _abstained(judged):
        return _chosen(theirs, Opinion.LABELLED)
    receipt = judged.record.receipt
    if receipt is None or receipt.route is None:
        return UNDECIDED
    if state.group == receipt.route:
        return Opinion.CONFIRMED, None
    if theirs:
        return _chosen(theirs - {judged.record.decision.category or ""}, Opinion.CORRECTED)
    moved_back = state.group in (None, receipt.route_before)
    return (Opinion.REJECTED, None) if moved_back else UNDECIDED


def _routes(policy: Policy) -> Mapping[str | None, str]:
    """Groups that stand for one category alone."""
    routes = [(category.route, name) for name, category in policy.categories.items() if category.route]
    groups = [route for route, _ in routes]
    return {route: name for route, name in routes if groups.count(route) == 1}


def _abstained(judged: Judged) -> bool:
    return judged.record.decision.action is Action.ABSTAIN


def _chosen(theirs: set[str], opinion: Opinion) -> Told:
    return (opinion, next(iter(theirs))) if len(theirs) == 1 else UNDECIDED
