"""What people made of a decision, read from what the ticket carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartticket_daemon.domain import (
    Action,
    Decision,
    Key,
    MessageRef,
    Mode,
    Opinion,
    Receipt,
    RemoteState,
    State,
    Status,
)
from smartticket_daemon.opinions import UNDECIDED, Teacher, opinion_of
from smartticket_daemon.policy import CategoryPolicy, Policy
from smartticket_daemon.ports import Judged, Record
from tests.desk import START

REF = MessageRef("support", "T1", "M1")
POLICY = Policy(
    Mode.TAG,
    {
        "billing": CategoryPolicy("category__billing", "Billing"),
        "refund": CategoryPolicy("category__refund", "Refunds"),
        "bugs": CategoryPolicy("category__bugs", "Tech"),
        "access": CategoryPolicy("category__access", "Tech"),
    },
    "category__unsure",
)
CONFIRMED = (Opinion.CONFIRMED, None)
REJECTED = (Opinion.REJECTED, None)
CORRECTED = (Opinion.CORRECTED, "refund")
LABELLED = (Opinion.LABELLED, "refund")
OURS = Receipt(("category__billing", "priority__high"), "Billing", "Inbox")
UNSURE = Receipt(("category__unsure",))


def judged(receipt: Receipt | None = OURS, ours: frozenset[str] | None = None) -> Judged:
    action = Action.ABSTAIN if receipt in (UNSURE, None) else Action.APPLY
    state = State.ABSTAINED if action is Action.ABSTAIN else State.APPLIED
    decision = Decision(action, "confident", "billing", 0.9)
    record = Record(Key("k"), REF, state, decision, receipt, 1, "", START, START, "digest")
    return Judged(record, frozenset(receipt.tags if receipt else ()) if ours is None else ours, None)


def seen(*tags: str, status: Status = Status.CLOSED, group: str | None = "Billing") -> RemoteState:
    return RemoteState(REF, True, status, frozenset(f"category__{tag}" for tag in tags), group)


BY_TAG = {
    "untouched and closed": (seen("billing"), CONFIRMED),
    "untouched and solved": (seen("billing", status=Status.SOLVED), CONFIRMED),
    "untouched and open": (seen("billing", status=Status.OPEN), UNDECIDED),
    "in capitals, as mailboxes may": (seen("BILLING"), CONFIRMED),
    "changed": (seen("refund", status=Status.OPEN), CORRECTED),
    "changed and closed": (seen("refund"), CORRECTED),
    "removed": (seen("vip", status=Status.OPEN), REJECTED),
    "another beside ours": (seen("billing", "refund"), UNDECIDED),
    "two others": (seen("refund", "bugs"), UNDECIDED),
    "tag of no category": (seen("billing", "vip"), CONFIRMED),
    "group changed": (seen("billing", group="Refunds"), CONFIRMED),
}


@pytest.mark.parametrize(("state", "told"), BY_TAG.values(), ids=BY_TAG)
def test_by_the_tag(state: RemoteState, told: object) -> None:
    assert opinion_of(judged(), state, POLICY, Teacher.TAG) == told


BY_GROUP = {
    "untouched and closed": (seen(group="Billing"), CONFIRMED),
    "untouched and open": (seen(group="Billing", status=Status.OPEN), UNDECIDED),
    "another category's": (seen(group="Refunds", status=Status.OPEN), CORRECTED),
    "moved back": (seen(group="Inbox"), REJECTED),
    "in no group": (seen(group=None), REJECTED),
    "a group of no category": (seen(group="Second line"), UNDECIDED),
    "a group of two categories": (seen(group="Tech"), UNDECIDED),
}


@pytest.mark.parametrize(("state", "told"), BY_GROUP.values(), ids=BY_GROUP)
def test_by_the_group(state: RemoteState, told: object) -> None:
    assert opinion_of(judged(), state, POLICY, Teacher.GROUP) == told


@pytest.mark.parametrize("receipt", [UNSURE, None])
def test_a_label_where_we_abstained(receipt: Receipt | None) -> None:
    mine = judged(receipt)
    assert opinion_of(mine, seen("refund", "unsure"), POLICY, Teacher.TAG) == LABELLED
    assert opinion_of(mine, seen("unsure"), POLICY, Teacher.TAG) == UNDECIDED
    assert opinion_of(mine, seen("refund", "bugs"), POLICY, Teacher.TAG) == UNDECIDED
    assert opinion_of(mine, seen(group="Refunds"), POLICY, Teacher.GROUP) == LABELLED


def test_what_we_wrote_for_another_message_of_the_ticket_is_not_a_persons() -> None:
    ours = frozenset({"category__unsure", "category__refund"})
    assert opinion_of(judged(UNSURE, ours), seen("refund"), POLICY, Teacher.TAG) == UNDECIDED
    both = frozenset({"category__billing", "category__refund"})
    assert opinion_of(judged(ours=both), seen("refund"), POLICY, Teacher.TAG) == REJECTED


@pytest.mark.parametrize("receipt", [Receipt(), Receipt(route="Billing", route_before="Inbox")])
def test_a_tag_that_we_did_not_write_tells_nothing(receipt: Receipt) -> None:
    mine = judged(receipt)
    for tags in (("billing",), ("refund",), ()):
        assert opinion_of(mine, seen(*tags), POLICY, Teacher.TAG) is None


def test_a_route_that_we_did_not_set_tells_nothing() -> None:
    mine = judged(Receipt(("category__billing",)))
    assert opinion_of(mine, seen(group="Refunds"), POLICY, Teacher.GROUP) == UNDECIDED


@pytest.mark.parametrize("status", [Status.DELETED, Status.MERGED, Status.SPAM])
def test_what_is_gone_tells_nothing_new(status: Status) -> None:
    assert opinion_of(judged(), seen("refund", status=status), POLICY, Teacher.TAG) is None
    assert opinion_of(judged(), replace(seen("refund"), exists=False), POLICY, Teacher.TAG) is None


def test_a_category_that_the_model_no_longer_has_tells_nothing_new() -> None:
    smaller = replace(POLICY, categories={"refund": POLICY.categories["refund"]})
    assert opinion_of(judged(), seen("refund"), smaller, Teacher.TAG) is None
