"""Reading Zendesk's tickets, against the double: what they are taken for, where reading starts and ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Cursor, Status, Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    Overtaken,
    RejectedError,
    Unreachable,
)
from smartticket_daemon.testing.steps import TAG
from tests.doubles.server import Fault, Reply
from tests.doubles.zendesk_account import Account, first, group_id, read_all
from tests.doubles.zendesk_state import ADMIN, AGENT, iso

pytest_plugins = ["tests.doubles.zendesk_fixtures"]


def test_states_are_told_apart(account: Account) -> None:
    create = account.double.create
    agent = create("Proactive", "text", submitter=AGENT)
    spammer = create("Spam", "text", sender="spam@customer.example")
    account.double.users[account.double.tickets[spammer].requester]["suspended"] = True
    merged = create("Merged", "text", status="closed", tags=["closed_by_merge"])
    scrubbed = create("SCRUBBED", "X", status="closed")
    deleted = create("Deleted", "text", status="deleted")
    follow_up = create("Again", "text", channel="closed_ticket")
    plain = create("Plain", "text")
    account.double.hour.forward(120)
    found = read_all(account)
    assert str(deleted) not in found
    assert found[str(agent)].author is Author.AGENT
    assert found[str(spammer)].status is Status.SPAM
    assert found[str(merged)].status is Status.MERGED
    assert found[str(scrubbed)].status is Status.DELETED
    assert found[str(follow_up)].follow_up
    assert found[str(plain)] == replace(found[str(plain)], status=Status.OPEN, author=Author.REQUESTER)


def test_an_answer_is_noticed_for_tickets_that_are_no_longer_new(account: Account) -> None:
    create, speak = account.double.create, account.double.speak
    other = account.double.customer("carl@customer.example")
    answered, noted, joined, routed, fresh = (create(f"Ticket {n}", "text") for n in range(5))
    speak(answered, ADMIN)
    speak(noted, AGENT, public=False)
    speak(joined, other)
    account.double.change(routed, group=group_id("Support"), status="open")
    account.double.hour.forward(120)
    found = read_all(account, default_groups=["Support"])
    assert [found[str(n)].answered for n in (answered, noted, joined, routed, fresh)] == [True] + [False] * 4
    assert found[str(routed)].group is None
    assert account.double.calls["GET /api/vN/tickets/N/audits"] == 4


def test_a_chat_is_read_as_a_conversation(account: Account) -> None:
    talk = "(09:00:01) Ann: My invoice is wrong\n(09:00:09) Bob: I see"
    ticket = account.double.create("Chat with Ann", talk, channel="native_messaging")
    account.double.hour.forward(120)
    assert read_all(account)[str(ticket)].body == "My invoice is wrong"


def test_a_malformed_ticket_holds_nobody_up(account: Account) -> None:
    odd, good = account.double.create("Odd", "text"), account.double.create("Good", "text")
    account.double.create("Nameless", "text", extra={"id": None})
    account.double.tickets[odd].extra["status"] = "frozen"
    account.double.hour.forward(120)
    batches = list(account.connect().fetch(None))
    assert [m.ref.ticket for b in batches for m in b.messages] == [str(good)]
    assert [(u.ref.ticket, u.reason) for b in batches for u in b.unreadable] == [(str(odd), "malformed")]
    with pytest.raises(RejectedError):
        account.connect().read(batches[0].unreadable[0].ref)


def test_start_at_a_date_asks_from_there(account: Account) -> None:
    old = account.deliver("Old", "text")
    account.double.hour.forward(86_400)
    new = account.deliver("New", "text")
    date = iso(account.double.hour.at)[:10]
    assert set(read_all(account, start=date)) == {new}
    assert set(read_all(account)) == {old, new}


def test_with_start_now_an_old_ticket_that_changes_stays_old(account: Account) -> None:
    old = account.deliver("Old", "text")
    connector = account.connect("now")
    (batch,) = connector.fetch(None)
    account.agent_tags(old, "vip")
    new = account.deliver("New", "text")
    later = [m.ref.ticket for b in connector.fetch(batch.cursor) for m in b.messages]
    assert later == [new]


def test_the_list_waits_for_lower_numbers_that_appear_late(account: Account) -> None:
    account.double.role = "agent"
    connector = account.connect(batch=100)
    late = account.double.create("Late", "text")
    hidden = account.double.tickets.pop(late)
    shown = account.double.create("Shown", "text")
    *_, batch = connector.fetch(None)
    assert [m.ref.ticket for m in batch.messages] == [str(shown)]
    account.double.tickets[late] = hidden
    found = [m.ref.ticket for b in connector.fetch(batch.cursor) for m in b.messages]
    assert str(late) in found


def test_a_role_that_was_taken_away_is_said(account: Account) -> None:
    account.deliver("Hello", "text")
    connector = account.connect()
    *_, batch = connector.fetch(None)
    account.double.role = "agent"
    with pytest.raises(AccessDenied, match="administrators"):
        list(connector.fetch(batch.cursor))


def test_a_cursor_that_zendesk_does_not_know_has_expired(account: Account) -> None:
    place = account.settings().url
    for way in ("export", "list"):
        cursor = Cursor(f'{{"place": "{place}", "way": "{way}", "after": "%%"}}')
        with pytest.raises(CursorExpired):
            list(account.connect().fetch(cursor))


@pytest.mark.parametrize("way", ["incremental", "/tickets"])
@pytest.mark.parametrize("page", [{}, {"tickets": [], "after_cursor": "x", "end_of_stream": False}])
def test_an_export_that_does_not_move_ends(account: Account, way: str, page: dict[str, Any]) -> None:
    account.double.role = "admin" if way == "incremental" else "agent"
    page = page | {"meta": {"has_more": True, "after_cursor": page.get("after_cursor")}}
    account.double.troubles.order(Fault(Reply(200, page)), path=way, times=10)
    with pytest.raises(Unreachable, match="move on"):
        list(account.connect().fetch(None))


def test_what_is_gone_or_cannot_be_read_is_told(account: Account) -> None:
    connector, ref = first(account)
    account.double.tickets[int(ref.ticket)].extra["status"] = "frozen"
    with pytest.raises(RejectedError):
        connector.apply(ref, Triage((TAG,)), ref.key)
    assert [state.exists for state in connector.current([ref])] == [False]
    account.delete(ref.ticket)
    for verb in (lambda: connector.applied(ref, ref.key), lambda: connector.read(ref)):
        with pytest.raises(Overtaken, match="deleted"):
            verb()


def test_a_deleted_ticket_that_is_still_shown_is_deleted(account: Account) -> None:
    connector, ref = first(account)
    account.double.tickets[int(ref.ticket)].extra["status"] = "deleted"
    with pytest.raises(Overtaken, match="deleted"):
        connector.read(ref)


def test_a_ticket_deleted_while_it_is_read_is_read_all_the_same(account: Account) -> None:
    ticket = account.double.create("Hello", "text", status="open")
    account.double.hour.forward(120)
    account.double.troubles.order(Fault(Reply(404, {})), path="/audits")
    assert not read_all(account)[str(ticket)].answered


def test_pages_that_do_not_end_are_no_answer(account: Account) -> None:
    connector, ref = first(account)
    page = {"audits": [], "meta": {"has_more": True, "after_cursor": "x"}}
    account.double.troubles.order(Fault(Reply(200, page)), path="/audits", times=5)
    with pytest.raises(Unreachable, match="come to an end"):
        connector.applied(ref, ref.key)


def test_a_group_without_a_name_is_shown_by_its_number(account: Account) -> None:
    ticket = account.double.create("Hello", "text", group=360999)
    account.double.hour.forward(120)
    assert read_all(account)[str(ticket)].group == "360999"


def test_no_zendesk_there_when_reading(account: Account) -> None:
    connector = account.connect()
    connector.check()
    account.double.troubles.order(Fault(Reply(404, b"")), path="/incremental")
    with pytest.raises(ConfigurationError, match="there is no Zendesk"):
        list(connector.fetch(None))


def test_an_export_that_refuses_its_beginning_is_rejected(account: Account) -> None:
    account.double.troubles.order(Fault(Reply(422, {})), path="/incremental")
    with pytest.raises(RejectedError):
        list(account.connect().fetch(None))


def test_the_list_refuses_like_anything_else(account: Account) -> None:
    account.double.role = "agent"
    account.double.troubles.order(Fault(Reply(403, {})), path="/api/v2/tickets")
    with pytest.raises(AccessDenied):
        list(account.connect().fetch(None))
