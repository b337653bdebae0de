"""Writing to a Freshdesk where people work too."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from smartticket_daemon.domain import Mode, Receipt
from smartticket_daemon.errors import (
    ConfigurationError,
    Overtaken,
    RejectedError,
    TransientError,
)
from smartticket_daemon.polling import poll
from tests.doubles.freshdesk_bench import PLAN, WRITES, Bench, standing
from tests.doubles.freshdesk_state import CLOSED, RESOLVED
from tests.doubles.server import Fault, Reply, Request, broken

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]

Deed = Callable[[Bench, str], None]
DEEDS: dict[str, Deed] = {
    "answers": lambda b, t: b.account.agent_answers(t),
    "closes": lambda b, t: b.account.agent_sets_status(t, CLOSED),
    "resolves": lambda b, t: b.account.agent_sets_status(t, RESOLVED),
    "merges": lambda b, t: b.account.merge(t, 99),
    "deletes": lambda b, t: b.account.delete(t),
    "purges": lambda b, t: b.account.purge(t),
    "spams": lambda b, t: b.account.mark_spam(t),
    "decides": lambda b, t: b.account.agent_tags(t, "category__refund"),
    "routes": lambda b, t: b.account.agent_routes(t, "Other"),
    "tags": lambda b, t: b.account.agent_tags(t, "vip"),
    "saves an old page": lambda b, t: b.account.agent_saves_tags(t, ["vip"]),
}
REASONS = {
    "answers": "answered",
    "closes": "closed",
    "resolves": "solved",
    "merges": "merged",
    "deletes": "deleted",
    "purges": "deleted",
    "spams": "spam",
    "decides": "human_decided",
    "routes": "human_decided",
}


@pytest.mark.parametrize("deed", REASONS)
def test_who_came_first_wins(bench: Bench, deed: str) -> None:
    connector, ref = bench.one()
    DEEDS[deed](bench, ref.ticket)
    before = len(bench.double.requests)
    with pytest.raises(Overtaken) as caught:
        connector.apply(ref, PLAN, ref.key)
    assert caught.value.reason == REASONS[deed]
    assert bench.requests(before, *WRITES) == []


@pytest.mark.parametrize("at", ["GET 1", "POST 1", "GET 2", "end"])
@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_person_does_meanwhile_stays(bench: Bench, deed: str, at: str) -> None:
    """At any moment but the width of the update itself, which Freshdesk gives no means to guard."""
    connector, ref = bench.one()
    ticket, count = bench.account.ticket(ref.ticket), Counter[str]()

    def person(request: Request) -> None:
        count[request.method] += 1
        if f"{request.method} {count[request.method]}" == at:
            DEEDS[deed](bench, ref.ticket)

    bench.double.before = person
    with contextlib.suppress(Overtaken):
        connector.apply(ref, PLAN, ref.key)
    bench.double.before = lambda request: None
    if at == "end":
        DEEDS[deed](bench, ref.ticket)
    human = {"tags": "vip", "saves an old page": "vip", "decides": "category__refund"}.get(deed)
    assert human is None or human in ticket.tags
    assert ticket.group == (67_000_000_011 if deed == "routes" else ticket.group)
    assert ticket.status == {"closes": CLOSED, "merges": CLOSED, "resolves": RESOLVED}.get(deed, 2)
    ours = [c for c in ticket.conversations if c.user == bench.account.agent]
    assert len(ours) <= 1
    if deed == "saves an old page" and at != "end":
        assert set(ticket.tags) == {"vip", "category__billing"}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_person_takes_away_before_our_receipt_is_stored_stays_away(
    bench: Bench, restarted: bool
) -> None:
    connector, ref = bench.one()
    receipt = connector.apply(ref, PLAN, ref.key)
    bench.account.agent_saves_tags(ref.ticket, ["vip"])
    bench.account.agent_routes(ref.ticket, None)
    assert connector.applied(ref, ref.key) == receipt
    if restarted:
        connector = bench.connector()
    connector.apply(ref, replace(PLAN, note=None), ref.key)
    assert standing(bench, ref.ticket) == (["vip"], None, 1)


def test_a_note_that_was_just_seen_costs_no_further_look(bench: Bench) -> None:
    connector, ref = bench.one()
    connector.apply(ref, PLAN, ref.key)
    since = len(bench.double.requests)
    connector.applied(ref, ref.key)
    connector.apply(ref, replace(PLAN, note=None), ref.key)
    assert len(bench.requests(since)) == 1
    connector.apply(ref, replace(PLAN, note=None), ref.key)
    assert len(bench.requests(since)) == 2, "whoever has not looked does"


def test_a_category_field_leaves_tags_alone(bench: Bench) -> None:
    bench.account.fields["cf_triage"] = "Triage"
    connector, ref = bench.one(category_field="cf_triage")
    bench.double.before = lambda r: (
        DEEDS["saves an old page"](bench, ref.ticket) if r.method == "PUT" else None
    )
    receipt = connector.apply(ref, PLAN, ref.key)
    ticket = bench.account.ticket(ref.ticket)
    assert (ticket.tags, ticket.custom) == (["vip"], {"cf_triage": "category__billing"})
    assert connector.applied(ref, ref.key) == receipt
    assert next(iter(connector.current([ref]))).tags == {"category__billing"}
    connector.undo(ref, receipt)
    assert (ticket.tags, ticket.custom, ticket.group) == (["vip"], {"cf_triage": None}, None)


def test_a_persons_value_in_the_category_field_stays(bench: Bench) -> None:
    connector, ref = bench.one(category_field="cf_triage")
    bench.account.ticket(ref.ticket).custom["cf_triage"] = "Complaint"
    with pytest.raises(Overtaken, match="human_decided"):
        connector.apply(ref, PLAN, ref.key)


def test_our_note_is_found_behind_any_number_of_others(bench: Bench) -> None:
    connector, ref = bench.one()
    for _ in range(120):
        bench.account.agent_notes(ref.ticket)
    receipt = connector.apply(ref, PLAN, ref.key)
    assert connector.applied(ref, ref.key) == receipt
    connector.apply(ref, PLAN, ref.key)
    assert standing(bench, ref.ticket)[2] == 1


def test_a_ticket_deleted_while_its_thread_is_read_is_overtaken(bench: Bench) -> None:
    connector, ref = bench.one()
    for _ in range(12):
        bench.account.agent_notes(ref.ticket)
    bench.double.before = lambda request: (
        bench.account.delete(ref.ticket) if request.path.endswith("/conversations") else None
    )
    with pytest.raises(Overtaken, match="deleted"):
        connector.apply(ref, PLAN, ref.key)


def test_a_tag_that_is_cut_short_stops_the_source(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.double.longest_tag = 12
    with pytest.raises(ConfigurationError, match="category__billing short"):
        connector.apply(ref, PLAN, ref.key)


@pytest.mark.parametrize("name", ["tags", "group_id"])
def test_a_field_that_is_dropped_silently_is_noticed(bench: Bench, name: str) -> None:
    connector, ref = bench.one()
    bench.double.ignores = {name}
    with pytest.raises(TransientError, match="did not keep"):
        connector.apply(ref, PLAN, ref.key)


def test_an_update_that_fails_for_another_field_names_it(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.double.required = "type"
    with pytest.raises(RejectedError, match="type: missing_field"):
        connector.apply(ref, PLAN, ref.key)
    assert standing(bench, ref.ticket) == ([], None, 0)


def test_undo_keeps_what_a_person_changed_since(bench: Bench) -> None:
    connector, ref = bench.one()
    receipt = connector.apply(ref, PLAN, ref.key)
    bench.account.agent_tags(ref.ticket, "vip")
    bench.account.agent_routes(ref.ticket, "Other")
    bench.account.agent_notes(ref.ticket)
    connector.undo(ref, receipt)
    connector.undo(ref, receipt)
    ticket = bench.account.ticket(ref.ticket)
    assert standing(bench, ref.ticket) == (["vip"], "Other", 0)
    assert len(ticket.conversations) == 1
    bench.account.delete(ref.ticket)
    with pytest.raises(Overtaken, match="deleted"):
        connector.undo(ref, Receipt(tags=("vip",)))


def test_undo_puts_an_intake_group_back(bench: Bench) -> None:
    bench.account.groups[67_000_000_012] = "New & unsorted"
    connector, ref = bench.one(default_groups=["New & unsorted"])
    bench.account.agent_routes(ref.ticket, "New & unsorted")
    receipt = connector.apply(ref, PLAN, ref.key)
    assert connector.applied(ref, ref.key) == receipt
    assert receipt.route_before == "New & unsorted"
    connector.undo(ref, receipt)
    assert standing(bench, ref.ticket) == ([], "New & unsorted", 0)


def test_another_category_set_right_after_ours_is_left(bench: Bench) -> None:
    connector, ref = bench.one()
    deed = bench.account.agent_saves_tags
    bench.double.before = lambda r: deed(ref.ticket, ["category__refund"]) if r.method == "POST" else None
    receipt = connector.apply(ref, PLAN, ref.key)
    assert standing(bench, ref.ticket) == (["category__refund"], "Billing", 1)
    assert (receipt.tags, receipt.route) == ((), "Billing")


def test_a_note_without_a_number_is_looked_for(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.double.trouble = lambda r: Fault(Reply(201, {"private": True})) if r.method == "POST" else None
    with pytest.raises(TransientError, match="does not say which"):
        connector.apply(ref, PLAN, ref.key)


def test_a_note_that_cannot_be_undone_is_tried_again(bench: Bench) -> None:
    connector, ref = bench.one()
    receipt = connector.apply(ref, PLAN, ref.key)
    bench.double.trouble = lambda r: broken() if r.method == "DELETE" else None
    with pytest.raises(TransientError, match="note"):
        connector.undo(ref, receipt)
    bench.double.trouble = lambda r: None
    connector.undo(ref, receipt)
    assert standing(bench, ref.ticket) == ([], None, 0)


def test_tag_mode_writes_once(bench: Bench) -> None:
    bench.account.deliver("billing 0.9", "Invoice?")
    connector = bench.connector()
    for _ in range(2):
        poll(bench.desk.source(Mode.TAG, connector=connector))
    assert standing(bench, "1") == (["category__billing"], "Billing", 0)
    assert Counter(r.method for r in bench.requests(0, *WRITES)) == {"PUT": 1}
