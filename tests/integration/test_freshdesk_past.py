"""Reading a Freshdesk's past, against the double: a list that moves both ways, its last page, its costs."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_connectors.freshdesk.place import Place, Row
from smartticket_daemon.domain import Cursor, Message, Status
from smartticket_daemon.errors import AccessDenied, Unreachable
from tests.doubles.freshdesk_town import Town

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]


def past(
    connector: FreshdeskConnector, cursor: Cursor | None = None, since: Any = None
) -> dict[str, Message]:
    """What is there, by ticket, in the order in which it came."""
    return {m.ref.ticket: m for batch in connector.past(cursor, since) for m in batch.messages}


def test_fields_have_the_names_that_agents_see(town: Town) -> None:
    ticket, plain = town.deliver(2)
    record = town.account.ticket(ticket)
    record.type, record.priority = "Problem", 4
    record.custom = {
        "cf_reason": "Card",
        "cf_more": ["a", "b"],
        "cf_no": None,
        "cf_tick": True,
        "cf_off": False,
    }
    town.account.ticket(plain).priority = None
    found = past(town.connector())
    assert found[ticket].fields == (
        ("type", "Problem"),
        ("priority", "Urgent"),
        ("Reason", "Card"),
        ("cf_more", "a, b"),
        ("cf_tick", "true"),
    )
    assert found[plain].fields == ()


def test_where_fields_may_not_be_listed_they_keep_their_names(town: Town) -> None:
    (ticket,) = town.deliver(1)
    town.account.ticket(ticket).custom = {"cf_reason": "Card"}
    town.double.forbidden = {"/api/v2/ticket_fields"}
    assert ("cf_reason", "Card") in past(town.connector())[ticket].fields


def test_a_hundred_tickets_cost_about_eight_requests(town: Town) -> None:
    names = town.deliver(970, apart=7)
    connector = town.connector(batch=100)
    past(connector, since=town.clock() + timedelta(days=1))
    town.double.credits = 0
    assert list(past(connector)) == names[::-1]
    assert town.double.credits <= 970 / 100 * 8.2
    extent = connector.extent(None)
    assert extent.tickets == 970
    assert abs((extent.calls or 0) - town.double.credits) <= 10


def test_statuses_answers_and_what_is_not_listed(town: Town) -> None:
    solved, answered, spam, gone, merged = town.deliver(5)
    town.account.agent_sets_status(solved, 4)
    town.account.agent_answers(answered)
    town.account.mark_spam(spam)
    town.account.delete(gone)
    town.account.merge(merged, into=solved)
    found = past(town.connector())
    assert {name: m.status for name, m in found.items()} == {
        merged: Status.CLOSED,
        answered: Status.OPEN,
        solved: Status.SOLVED,
    }
    assert found[answered].answered
    assert not found[solved].answered


def test_only_first_messages_are_read_also_where_replies_are_triaged(town: Town) -> None:
    (ticket,) = town.deliver(1)
    town.account.customer_writes(ticket, "And another thing")
    (batch,) = town.connector(on_reply="triage").past(None, None)
    assert [m.ref.message for m in batch.messages] == ["first"]


@pytest.mark.parametrize("seed", range(6))
def test_a_list_that_moves_both_ways_leaves_nothing_out(town: Town, seed: int) -> None:
    """Between any two requests tickets arrive, go and come back; each walk ends somewhere and goes on."""
    dice = random.Random(seed)
    names = town.deliver(150, apart=dice.choice([0, 0.3, 40]))
    away: set[str] = set()

    def meddle(request: Any) -> None:
        if request.path != "/api/v2/tickets" or dice.random() < 0.3:
            return
        town.deliver(dice.choice([0, 0, 1, 2, 15]))
        for name in dice.sample(names, dice.choice([0, 0, 1, 6])):
            away.add(name)
            town.account.mark_spam(name)
        for name in dice.sample(sorted(away), min(len(away), dice.choice([0, 1]))):
            town.account.mark_spam(name, spam=False)

    town.double.before = meddle
    seen: list[str] = []
    cursor, more = None, True
    while more:
        more = False
        for batch in town.connector(batch=11).past(cursor, None):
            cursor = batch.cursor
            seen += [m.ref.ticket for m in batch.messages]
            if more := dice.random() < 0.4:
                break
    assert len(seen) == len(set(seen))
    assert set(names) - away <= set(seen)
    assert [int(name) for name in seen] == sorted(map(int, seen), reverse=True)


def test_behind_the_last_page_tickets_are_read_by_number(town: Town) -> None:
    names = town.deliver(2770, apart=1)
    town.account.delete(names[10])
    town.account.purge(names[11])
    town.account.mark_spam(names[12])
    town.double.forbidden = {rf"/api/v2/tickets/{names[13]}"}
    connector = town.connector(batch=11)
    last = town.account.ticket(names[40])
    row = Row(last.id, last.created.replace(microsecond=0), {})
    place = Place(before=len(names) - 41 - 3).past([row])  # all that is younger was read
    found = past(connector, place.cursor())
    assert list(found) == [n for n in names[39::-1] if n not in (names[11], names[13])]
    assert (found[names[10]].status, found[names[12]].status) == (Status.DELETED, Status.SPAM)
    pages = {int(request.query["page"]) for request in town.lists()}
    assert 200 < min(pages) <= max(pages) <= 300
    since = town.account.ticket(names[19]).created
    town.double.forbidden = set()
    singly = Place(before=3300, number=40, single=True).cursor()
    assert list(past(connector, singly, since)) == names[38:18:-1]
    town.double.forbidden = {r"/api/v2/tickets/\d+", "/api/v2/agents/me"}
    with pytest.raises(AccessDenied):
        past(connector, Place(before=3300, number=9, single=True).cursor())


def test_the_walk_ends_with_since(town: Town) -> None:
    names = town.deliver(60, apart=3600)
    since = town.account.ticket(names[40]).created
    town.account.agent_tags(names[3], "vip")
    town.double.credits = 0
    assert list(past(town.connector(batch=11), since=since)) == names[:39:-1]
    assert len(town.lists()) <= 4
    assert town.connector().extent(since).tickets in range(20, 60)


def test_a_malformed_ticket_is_put_aside_alone(town: Town) -> None:
    good, bad = town.deliver(2)
    town.account.ticket(bad).shown = {"created_at": "noon", "priority": [], "custom_fields": 7}
    (batch,) = town.connector().past(None, None)
    assert [m.ref.ticket for m in batch.messages] == [good]
    assert [(u.ref.ticket, u.reason) for u in batch.unreadable] == [(bad, "malformed")]


def test_answers_of_something_else_are_no_past(town: Town) -> None:
    (ticket,) = town.deliver(1)
    town.account.ticket(ticket).shown = {"id": "x"}
    with pytest.raises(Unreachable):
        past(town.connector())


def test_a_key_that_is_refused_stops_the_walk(town: Town) -> None:
    town.deliver(1)
    with pytest.raises(AccessDenied):
        past(town.connector(key="not it"))
