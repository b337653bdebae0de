"""What is read of Freshdesk's tickets: from when on, which of them, and what is known of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Status
from smartticket_daemon.errors import Overtaken, RejectedError
from smartticket_daemon.testing.steps import fetch, tickets
from tests.doubles.freshdesk_state import CLOSED, OUTBOUND, RESOLVED
from tests.doubles.freshdesk_town import Town

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]


def test_start_now_leaves_older_tickets_alone_even_when_they_change(town: Town) -> None:
    old = town.deliver(3)
    connector = town.connector(start="now")
    messages, cursor = fetch(connector, None)
    assert messages == []
    town.account.customer_writes(old[0], "any news?")
    new = town.deliver(1)
    assert tickets(fetch(connector, cursor)[0]) == new


def test_start_now_in_an_empty_account(town: Town) -> None:
    connector = town.connector(start="now")
    _, cursor = fetch(connector, None)
    assert tickets(fetch(connector, cursor)[0]) == []
    new = town.deliver(2)
    assert tickets(fetch(connector, cursor)[0]) == new


def test_start_on_a_day_reads_what_changed_since(town: Town) -> None:
    old, waiting = town.deliver(2)
    town.clock.forward(days=3)
    day = town.clock()
    town.account.customer_writes(waiting, "any news?")
    (new,) = town.deliver(1)
    messages, _ = fetch(town.connector(start=day), None)
    assert tickets(messages) == [waiting, new]
    assert old not in tickets(messages)
    assert [m.created < day for m in messages] == [True, False]


def test_a_message_that_is_gone_or_makes_no_sense_cannot_be_read(town: Town) -> None:
    name, _odd = town.deliver(2)
    connector = town.connector(on_reply="triage")
    first, second = (m.ref for m in fetch(connector, None)[0])
    with pytest.raises(Overtaken, match="deleted"):
        connector.read(replace(first, message="12345"))
    shown = town.double._shown
    town.double._shown = lambda t, i: {**shown(t, i), "created_at": None}  # type: ignore[method-assign, assignment]
    with pytest.raises(RejectedError):
        connector.read(second)
    town.double._shown = shown  # type: ignore[method-assign]
    for end in (town.account.delete, town.account.purge):
        end(name)
        with pytest.raises(Overtaken, match="deleted"):
            connector.read(first)


def test_a_ticket_that_goes_while_it_is_read_is_left_out(town: Town) -> None:
    names = town.deliver(2)
    town.double.before = lambda r: town.account.purge(names[0]) if r.path.endswith("/tickets/1") else None
    assert tickets(fetch(town.connector(), None)[0]) == [names[1]]


def test_what_everybody_needs_to_know_of_a_ticket(town: Town) -> None:
    names = town.deliver(6)
    account = town.account
    account.agent_answers(names[0])
    account.agent_sets_status(names[1], RESOLVED)
    account.agent_sets_status(names[2], CLOSED)
    account.agent_routes(names[3], "Other")
    account.ticket(names[4]).source = OUTBOUND
    account.ticket(names[5]).requester = account.agent + 1
    account.contacts["agent@our.example"] = account.agent + 1
    found = {m.ref.ticket: m for m in fetch(town.connector(), None)[0]}
    assert [found[n].answered for n in names] == [True, False, False, False, False, False]
    assert (found[names[1]].status, found[names[2]].status) == (Status.SOLVED, Status.CLOSED)
    assert found[names[3]].group == "Other"
    assert [found[n].author for n in names[4:]] == [Author.AGENT, Author.AGENT]
    assert found[names[0]].author is Author.REQUESTER
    assert found[names[0]].number == names[0]


def test_groups_that_rules_give_are_no_decision(town: Town) -> None:
    (name,) = town.deliver(1)
    town.account.agent_routes(name, "Other")
    assert fetch(town.connector(), None)[0][0].group == "Other"
    assert fetch(town.connector(default_groups=["Other"]), None)[0][0].group is None


def test_replies_are_read_where_they_are_wanted(town: Town) -> None:
    (name,) = town.deliver(1)
    connector = town.connector(on_reply="triage")
    _, cursor = fetch(connector, None)
    town.account.agent_answers(name)
    town.clock.forward(seconds=90)
    town.account.customer_writes(name, "It still does not work")
    town.account.agent_notes(name)
    first, reply = fetch(connector, cursor)[0]
    assert (first.follow_up, first.answered) == (False, True)
    assert (reply.follow_up, reply.answered, reply.body) == (True, False, "It still does not work")
    assert first.ref.key != reply.ref.key
    assert connector.read(reply.ref) == reply
    assert fetch(town.connector(), None)[0][0].ref == first.ref


def test_one_ticket_that_makes_no_sense_holds_nobody_up(town: Town) -> None:
    names = town.deliver(4)
    town.account.ticket(names[1]).subject = None  # type: ignore[assignment]
    shown = town.double._shown

    def odd(ticket: Any, includes: list[str]) -> dict[str, Any]:
        view = shown(ticket, includes)
        return {**view, "created_at": "yesterday"} if str(ticket.id) == names[2] else view

    town.double._shown = odd  # type: ignore[method-assign]
    batches = list(town.connector().fetch(None))
    assert [m.ref.ticket for b in batches for m in b.messages] == [names[0], names[1], names[3]]
    assert [(u.ref.ticket, u.reason) for b in batches for u in b.unreadable] == [(names[2], "malformed")]
