"""Reading a Zendesk's past, against the double: what the list shows, where it ends, what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smartticket_connectors.zendesk import ZendeskConnector
from smartticket_daemon.domain import Author, Cursor, Message, Status
from smartticket_daemon.errors import CursorExpired, RateLimited, Unreachable
from tests.doubles.server import Fault, Reply
from tests.doubles.zendesk_account import Account
from tests.doubles.zendesk_state import ADMIN, AGENT

pytest_plugins = ["tests.doubles.zendesk_fixtures"]


def past(connector: ZendeskConnector, **more: Any) -> dict[str, Message]:
    """What is there, by ticket, in the order in which it came."""
    arguments = {"cursor": None, "since": None, **more}
    batches = connector.past(**arguments)
    return {message.ref.ticket: message for batch in batches for message in batch.messages}


def test_fields_have_the_names_that_agents_see(account: Account) -> None:
    ticket = account.deliver("Charged twice", "text")
    values = [
        {"id": 7001, "value": "reason_card"},
        {"id": 7002, "value": ["p_app", "p_other"]},
        {"id": 7003, "value": True},
        {"id": 7004, "value": "of a field that is gone"},
        {"id": 7005, "value": None},
        {"id": 7006, "value": False},
    ]
    account.double.change(int(ticket), extra={"type": "problem", "priority": "high", "custom_fields": values})
    plain = account.deliver("Hello", "text")
    found = past(account.connect())
    assert found[ticket].fields == (
        ("type", "problem"),
        ("priority", "high"),
        ("Reason", "Card declined"),
        ("Products", "App, p_other"),
        ("Escalated", "true"),
        ("7004", "of a field that is gone"),
    )
    assert found[plain].fields == ()
    assert account.double.calls["GET /api/vN/ticket_fields"] == 2  # once, and once for what is gone


def test_a_hundred_tickets_are_one_call_and_who_answered_is_known(account: Account) -> None:
    names = [account.double.create(f"Question {n}", "text") for n in range(200)]
    for number in names[:100]:
        account.double.speak(number)
    for number in names[100:150]:
        account.double.change(number, status="open", group=360001)
        account.double.speak(number, public=False)
    connector = account.connect(batch=100)
    assert len(past(account.connect(batch=100), since=account.double.hour.at + timedelta(days=1))) == 0
    account.double.calls.clear()
    found = past(connector)
    assert [int(name) for name in found] == names[::-1]
    assert {name for name, m in found.items() if m.answered} == {str(number) for number in names[:100]}
    assert {m.group for m in found.values()} == {None, "Billing"}
    assert account.double.calls["GET /api/vN/tickets"] == 2
    assert sum(account.double.calls.values()) == 4  # the token, two pages, the groups
    assert connector.extent(None).tickets == 200
    assert connector.extent(None).calls == 4


def test_every_status_has_its_name_and_archived_tickets_are_not_there(account: Account) -> None:
    tickets = {name: account.deliver(name, "text") for name in ("pending", "solved", "closed", "merged")}
    gone = [account.deliver("archived", "text"), account.deliver("deleted", "text")]
    for status in ("pending", "solved", "closed"):
        account.double.change(int(tickets[status]), status=status)
    account.double.change(int(tickets["merged"]), status="closed", tags=["closed_by_merge"])
    account.double.tickets[int(gone[0])].archived = True
    account.delete(gone[1])
    found = past(account.connect())
    assert {name: found[ticket].status for name, ticket in tickets.items()} == {
        "pending": Status.OPEN,
        "solved": Status.SOLVED,
        "closed": Status.CLOSED,
        "merged": Status.MERGED,
    }
    assert found.keys().isdisjoint(gone)


def test_agents_own_tickets_are_told_from_customers(account: Account) -> None:
    number = account.double.create("Internal", "text", submitter=AGENT, requester=ADMIN)
    assert past(account.connect())[str(number)].author is Author.AGENT


def test_the_walk_ends_soon_after_since_and_an_import_does_not_end_it(account: Account) -> None:
    account.double.hour.forward(86_400)
    ages = [account.deliver(f"Day {n}", "text") for n in range(30)]
    since = account.double.tickets[int(ages[20])].created
    long_ago = since - timedelta(days=20)
    account.double.create("Imported", "text", created=long_ago, channel="api")
    for n in range(6):
        account.double.create(f"Imported {n}", "text", created=long_ago, channel="api")
    newest = account.deliver("Last", "text")
    account.double.calls.clear()
    found = past(account.connect(batch=3), since=since)
    assert list(found) == [newest, *ages[:19:-1]]
    assert account.double.calls["GET /api/vN/tickets"] <= 8
    assert account.connect().extent(since).tickets == 11


def test_a_malformed_ticket_is_put_aside_alone(account: Account) -> None:
    good, bad = account.deliver("Good", "text"), account.deliver("Bad", "text")
    account.double.tickets[int(bad)].status = "of another time"
    (batch,) = account.connect().past(None, None)
    assert [m.ref.ticket for m in batch.messages] == [good]
    assert [(u.ref.ticket, u.reason) for u in batch.unreadable] == [(bad, "malformed")]


def test_a_position_that_zendesk_does_not_know_has_expired(account: Account) -> None:
    account.deliver("Hello", "text")
    url = account.double.url
    for text in (
        f'{{"place":"{url}","way":"past","after":"gone"}}',
        f'{{"place":"{url}","way":"list"}}',
        '{"place":"https://other.example","way":"past"}',
    ):
        with pytest.raises(CursorExpired):
            past(account.connect(), cursor=Cursor(text))


def test_a_cursor_of_the_past_is_none_for_polling(account: Account) -> None:
    account.deliver("Hello", "text")
    (batch,) = account.connect().past(None, None)
    with pytest.raises(CursorExpired):
        list(account.connect().fetch(batch.cursor))
    assert past(account.connect(), cursor=batch.cursor) == {}


def test_being_told_to_slow_down_loses_nothing(account: Account) -> None:
    names = [account.deliver(f"Question {n}", "text") for n in range(9)]
    connector, cursor, seen = account.connect(), None, []
    for _ in range(5):
        account.double.troubles.order(Fault(Reply(429, b"", {"Retry-After": "90"})), "GET", "/tickets")
        with pytest.raises(RateLimited) as caught:
            list(connector.past(cursor, None))
        account.double.hour.forward(caught.value.retry_after or 0)
        batch = next(connector.past(cursor, None), None)
        if batch is None:
            break
        seen += [message.ref.ticket for message in batch.messages]
        cursor = batch.cursor
        account.double.troubles.ordered.clear()
        if len(seen) == 9:
            break
    assert seen == names[::-1]


def test_a_list_that_does_not_move_on_is_no_endless_walk(account: Account) -> None:
    account.deliver("Hello", "text")
    page = {"tickets": [], "users": [], "meta": {"has_more": True, "after_cursor": ""}}
    account.double.troubles.order(Fault(Reply(200, page)), "GET", "/tickets")
    with pytest.raises(Unreachable, match="does not move on"):
        past(account.connect())
