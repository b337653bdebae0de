"""The connector on a real Request Tracker: agents at work on the same tickets, and answers that are lost."""

from __future__ import annotations

import pytest

from smartticket_daemon.domain import MessageRef, Note, Triage
from smartticket_daemon.errors import Overtaken, Unreachable
from tests.doubles.server import Fault
from tests.servers.rt import RequestTracker, comments, history, queue, tags
from tests.servers.rt_between import Desk

pytest_plugins = ["tests.servers.rt_fixture"]
PLAN = Triage(
    ("category__billing", "urgent"), "Billing", Note("Hello Ann,\n\nwe look into it.", "billing.en")
)


def test_a_person_who_edits_between_reading_and_writing_loses_nothing(desk: Desk) -> None:
    ref = desk.ref()
    values = [["vip"], ["vip", "late"], ["late"]]
    desk.between.people = [lambda value=value: set_tags(desk.rt, ref, value) for value in values]  # type: ignore[misc]
    desk.connector().apply(ref, PLAN, ref.key)
    assert sorted(tags(desk.rt, ref.ticket)) == ["category__billing", "late", "urgent"]
    assert len(comments(desk.rt, ref.ticket)) == 1


def test_a_person_who_decides_between_reading_and_writing_wins(desk: Desk) -> None:
    ref = desk.ref()
    desk.between.people = [lambda: set_tags(desk.rt, ref, ["category__refund"])]
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)
    assert tags(desk.rt, ref.ticket) == ["category__refund"]
    assert comments(desk.rt, ref.ticket) == []


def test_a_tag_that_a_person_took_off_is_not_set_again(desk: Desk) -> None:
    ref = desk.ref()
    desk.connector().apply(ref, Triage(PLAN.tags), ref.key)
    set_tags(desk.rt, ref, ["urgent"])
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)
    assert tags(desk.rt, ref.ticket) == ["urgent"]


def test_a_category_set_by_a_person_and_moved_back_and_forth(desk: Desk) -> None:
    ref = desk.ref()
    for name in ("Complaints", desk.queue):
        desk.rt.ask("PUT", f"/ticket/{ref.ticket}", {"Queue": name})
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)


def test_a_merged_ticket(desk: Desk) -> None:
    ref, other = desk.ref(), desk.ref()
    desk.rt.ask("PUT", f"/ticket/{ref.ticket}", {"MergeInto": int(other.ticket)})
    for deed in (
        lambda c: c.read(ref),
        lambda c: c.apply(ref, PLAN, ref.key),
        lambda c: c.applied(ref, ref.key),
    ):
        with pytest.raises(Overtaken, match="merged"):
            deed(desk.connector())
    assert [state.exists for state in desk.connector().current([ref, other])] == [False, True]


def test_undo_puts_back_what_is_still_ours(desk: Desk) -> None:
    ref = desk.ref()
    receipt = desk.connector().apply(ref, PLAN, ref.key)
    set_tags(desk.rt, ref, ["urgent"])
    set_tags(desk.rt, ref, ["urgent", "category__billing", "vip"])
    desk.connector().undo(ref, receipt)
    assert sorted(tags(desk.rt, ref.ticket)) == ["category__billing", "vip"], (
        "a person set the category again"
    )
    assert queue(desk.rt, ref.ticket) == desk.queue
    assert len(comments(desk.rt, ref.ticket)) == 1


# Lost answers


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_a_lost_answer_leaves_one_comment(desk: Desk, method: str, kind: str) -> None:
    ref = desk.ref()
    once = [Fault(**{kind: True})]
    desk.between.trouble = lambda request: once.pop() if request.method == method and once else None
    with pytest.raises(Unreachable):
        desk.connector().apply(ref, PLAN, ref.key)
    found = desk.connector().applied(ref, ref.key)
    left = PLAN.minus(found) if found else PLAN
    receipt = desk.connector().apply(ref, left, ref.key) if left else found
    assert receipt is not None
    assert len(comments(desk.rt, ref.ticket)) == 1
    assert set(tags(desk.rt, ref.ticket)) == set(PLAN.tags)
    assert queue(desk.rt, ref.ticket) == "Billing"


def test_a_blind_second_attempt_writes_nothing_twice(desk: Desk) -> None:
    ref = desk.ref()
    first = desk.connector().apply(ref, PLAN, ref.key)
    before = history(desk.rt, ref.ticket)
    assert desk.connector().apply(ref, PLAN, ref.key) == first
    assert history(desk.rt, ref.ticket) == before


def set_tags(rt: RequestTracker, ref: MessageRef, values: list[str]) -> None:
    rt.ask("PUT", f"/ticket/{ref.ticket}", {"CustomFields": {"SmartTicket": values}})
