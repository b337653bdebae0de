"""Which label is people's own: field, tag or group, beside what we set ourselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from smartticket_daemon.domain import Message, MessageRef
from smartticket_daemon.errors import TransientError
from smartticket_daemon.history.labels import (
    NO_LABEL,
    OUR_OWN,
    SEVERAL,
    Given,
    Labels,
    Ours,
    Place,
    ours_among,
)
from smartticket_daemon.policy import CategoryPolicy
from smartticket_daemon.polling import poll
from tests.desk import START, Desk, policy

TAGS = Labels(Place.TAG, "category__", policy())
GROUP = Labels(Place.GROUP, "", policy())
FIELD = Labels(Place.FIELD, "reason", policy())


def ticket(*tags: str, group: str | None = None, **fields: str) -> Message:
    return Message(
        MessageRef("support", "T1", "M1"),
        "subject",
        "body",
        START,
        tags=frozenset(tags),
        group=group,
        fields=tuple(fields.items()),
    )


@pytest.mark.parametrize(
    ("labels", "message", "ours", "given"),
    [
        (TAGS, ticket("vip"), Ours(), Given(None, NO_LABEL)),
        (TAGS, ticket("vip", "Category__Billing"), Ours(), Given("billing")),
        (TAGS, ticket("category__hardware"), Ours(), Given("hardware")),
        (TAGS, ticket("category__unsure", "category__"), Ours(), Given(None, NO_LABEL)),
        (TAGS, ticket("category__a", "category__b"), Ours(), Given(None, SEVERAL)),
        (TAGS, ticket("category__BILLING"), Ours(frozenset({"category__billing"})), Given(None, OUR_OWN)),
        (TAGS, ticket("category__a"), Ours(frozenset({"category__billing"})), Given("a")),
        (TAGS, ticket("category__a", "category__b"), Ours(frozenset({"category__b"})), Given("a")),
        (GROUP, ticket(), Ours(), Given(None, NO_LABEL)),
        (GROUP, ticket(group="Billing"), Ours(), Given("Billing")),
        (GROUP, ticket(group="Billing"), Ours(routes=frozenset({"billing"})), Given(None, OUR_OWN)),
        (GROUP, ticket(group="Tier 2"), Ours(routes=frozenset({"Billing"})), Given("Tier 2")),
        (FIELD, ticket(other="x"), Ours(), Given(None, NO_LABEL)),
        (FIELD, ticket(Reason=" Card, declined "), Ours(), Given("Card, declined")),
        (FIELD, ticket(Reason="category__billing"), Ours(), Given("billing")),
        (FIELD, ticket(Reason="category__billing, category__unsure"), Ours(), Given("billing")),
        (FIELD, ticket(Reason="category__b"), Ours(frozenset({"category__b"})), Given(None, OUR_OWN)),
    ],
)  # fmt: skip
def test_the_label_that_people_gave(labels: Labels, message: Message, ours: Ours, given: Given) -> None:
    assert labels.given(message, ours) == given


def test_a_label_stands_for_a_category_by_its_route_or_its_name() -> None:
    assert GROUP.categories("BILLING") == ("billing",)
    assert GROUP.categories("Technical issue") == ("technical_issue",)
    assert FIELD.categories("Refund / Cancellation") == ("refund_cancellation",)
    assert FIELD.categories("Hardware") == ()
    plan = policy()
    categories = {**plan.categories, "technical_issue": CategoryPolicy("t", "Billing")}
    shared = replace(GROUP, policy=replace(plan, categories=categories))
    assert shared.categories("Billing") == ("billing", "technical_issue")


def ours_of(desk: Desk, name: str) -> Ours:
    return ours_among(desk.journal, "support", {name, "another"}, policy()).get(name, Ours())


def test_what_the_journal_says_that_we_did(desk: Desk) -> None:
    tagged = desk.remote.deliver("billing", "Text.")
    unsure = desk.remote.deliver("billing 0.3", "Text.")
    theirs = desk.remote.deliver("billing", "Text.")
    desk.remote.agent_tags(theirs, "category__billing")
    assert ours_of(desk, tagged) == Ours()
    assert poll(desk.source()) == 0
    assert ours_of(desk, tagged) == Ours(frozenset({"category__billing"}), frozenset({"Billing"}))
    assert ours_of(desk, unsure) == Ours(frozenset({"category__unsure"}))
    assert ours_of(desk, theirs) == Ours()


@pytest.mark.parametrize("step", ["route", "note"])
def test_a_write_without_a_receipt_counts_as_ours(desk: Desk, step: str) -> None:
    name = desk.remote.deliver("billing", "Text.")
    trouble: Any = TransientError("the answer was lost")
    desk.remote.fail(step, trouble)
    poll(desk.source())
    assert desk.tags(name) == {"category__billing"}
    assert ours_of(desk, name).tags == {"category__billing"}
    desk.remote.agent_closes(name)
    desk.clock.forward(hours=1)
    poll(desk.source())
    assert desk.reasons() == {"closed": 1}
    assert ours_of(desk, name).tags == {"category__billing"}
    assert desk.clock.now > START + timedelta(minutes=59)
