"""Signing in, check and reading, against the double: what is refused, what is said, what is read."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Cursor, Finding, Message, Status, Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    Overtaken,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.testing.steps import NOTE, TAG
from tests.doubles.server import Fault, Reply, broken
from tests.doubles.zendesk import ADMIN, AGENT, OURS, ZendeskDouble, iso
from tests.doubles.zendesk_account import Account, group_id

TOKENS = "POST /oauth/tokens"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with ZendeskDouble() as double:
        double.pace = 1
        double.limits["export"].total = 1000
        yield Account(double, tmp_path)


def read_all(account: Account, start: str = "all", **more: Any) -> dict[str, Message]:
    batches = account.connect(start, **more).fetch(None)
    return {message.ref.ticket: message for batch in batches for message in batch.messages}


def bad(account: Account, **more: Any) -> list[Finding]:
    return [f for f in account.connect(**more).check(["Billing"]).findings if not f.ok]


# Signing in


def test_a_token_is_asked_for_once_and_renewed_before_it_runs_out(account: Account) -> None:
    connector = account.connect()
    connector.check()
    connector.check()
    assert account.double.calls[TOKENS] == 1
    account.double.hour.forward(0.95 * account.double.lifetime)
    connector.check()
    assert account.double.calls[TOKENS] == 2
    assert [r.path for r in account.double.requests if r.headers.get("authorization") is None] == [
        "/oauth/tokens"
    ] * 2


def test_the_answers_lifetime_counts(account: Account) -> None:
    account.double.lifetime = 300
    connector = account.connect()
    connector.check()
    account.double.hour.forward(280)
    connector.check()
    assert account.double.calls[TOKENS] == 2


def test_a_revoked_token_is_renewed_and_the_write_goes_through(account: Account) -> None:
    ticket = account.deliver("Hello", "text")
    connector = account.connect()
    ref = next(m for b in connector.fetch(None) for m in b.messages).ref
    account.double.tokens.clear()
    connector.apply(ref, Triage((TAG,)), ref.key)
    assert TAG in account.look(ticket).tags


def test_the_secret_is_read_again_after_it_was_changed(account: Account) -> None:
    connector = account.connect()
    account.double.secret = "rotated"
    with pytest.raises(AccessDenied, match="client_secret_file"):
        list(connector.fetch(None))
    account.secret("secret", "rotated")
    list(connector.fetch(None))


def test_a_changed_api_token_is_read_again(account: Account) -> None:
    connector = account.connector("acme", account.legacy())
    connector.check()
    account.double.api_token = "rotated"
    account.secret("token", "rotated")
    assert list(connector.current([])) == []
    assert connector.check().ok


def test_the_anonymous_200_is_refused(account: Account) -> None:
    settings = account.legacy()
    account.double.api_token = "another"
    connector = account.connector("acme", settings)
    (finding,) = [f for f in connector.check().findings if not f.ok]
    assert (finding.exit_code, "as nobody" in finding.text, bool(finding.mend)) == (77, True, True)
    with pytest.raises(AccessDenied):
        list(connector.fetch(None))


def test_no_token_in_the_answer_is_refused(account: Account) -> None:
    for body in ({}, {"access_token": None}, {"access_token": "a\nb"}, {"access_token": "ä"}):
        account.double.troubles.order(Fault(Reply(200, body)), path="/oauth")
        assert bad(account)[0].exit_code == 77


# Check


def test_an_end_user_is_refused(account: Account) -> None:
    account.double.role = "end-user"
    assert [(f.exit_code, "no agent" in f.text) for f in bad(account)] == [(77, True)]


def test_a_scope_that_may_not_write_is_found_without_writing(account: Account) -> None:
    account.double.scope = "read"
    (finding,) = bad(account)
    assert (finding.exit_code, "not change them" in finding.text) == (77, True)
    assert account.double.writes == []


def test_a_scope_that_may_not_read_is_found(account: Account) -> None:
    account.double.scope = "write"
    assert bad(account)[0].exit_code == 77


def test_a_missing_group_is_named(account: Account) -> None:
    findings = account.connect().check(["Billing", "Elsewhere"]).findings
    assert [f.text for f in findings if not f.ok] == ["there is no group Elsewhere"]


def test_a_light_agent_is_refused(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    light = account.double.users[OURS] | {"role": "agent", "role_type": 1}
    monkeypatch.setattr(account.double, "_me", lambda request: Reply(200, {"user": light}))
    assert [f.text for f in bad(account)] == ["the user is a light agent, who may not change tickets"]


def test_what_an_agent_cannot_read_is_said(account: Account) -> None:
    account.double.role = "agent"
    account.double.users[OURS]["ticket_restriction"] = "groups"
    texts = " ".join(f.text for f in account.connect().check().findings)
    assert "ticket list" in texts
    assert "groups only" in texts


def test_check_says_what_it_cannot_do_and_asks_for_the_right_to_write_once(account: Account) -> None:
    connector = account.connect()
    texts = " ".join(f.text for f in connector.check().findings)
    assert "suspended tickets are not read" in texts
    assert "cannot be taken back" in texts
    connector.check()
    assert account.double.calls["PUT /api/vN/tickets/N"] == 1


def test_no_zendesk_at_the_address(account: Account) -> None:
    account.double.troubles.order(Fault(Reply(404, b"<html>")), path="/users/me", times=2)
    assert "there is no Zendesk" in bad(account)[0].text


@pytest.mark.parametrize("fault", [broken(500), Fault(refused=True), Fault(broken(200).reply)])
def test_trouble_is_reported_and_not_raised(account: Account, fault: Fault) -> None:
    account.double.troubles.order(fault, times=50)
    (finding,) = bad(account)
    assert (finding.exit_code, bool(finding.mend)) == (69, True)


# Reading


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


# Writing


def first(account: Account) -> Any:
    account.deliver("Hello", "text")
    connector = account.connect()
    return connector, next(m for b in connector.fetch(None) for m in b.messages).ref


def test_a_group_that_zendesk_assigned_itself_is_no_decision(account: Account) -> None:
    ticket = account.deliver("Hello", "text")
    account.double.change(int(ticket), group=group_id("Support"))
    account.double.hour.forward(120)
    connector = account.connect(default_groups=["Support"])
    ref = next(m for b in connector.fetch(None) for m in b.messages).ref
    receipt = connector.apply(ref, Triage((TAG,), "Billing", NOTE), ref.key)
    assert (receipt.route, receipt.route_before) == ("Billing", "Support")
    connector.undo(ref, receipt)
    assert (account.look(ticket).group, account.look(ticket).tags) == ("Support", frozenset())


def test_a_route_that_is_gone_stops_the_source(account: Account) -> None:
    connector, ref = first(account)
    with pytest.raises(ConfigurationError, match="Elsewhere"):
        connector.apply(ref, Triage((TAG,), "Elsewhere"), ref.key)


def test_a_refusal_for_one_ticket_is_its_own(account: Account) -> None:
    connector, ref = first(account)
    account.double.troubles.order(Fault(Reply(403, {})), "PUT")
    with pytest.raises(AccessDenied):  # nothing was written yet: the scope may be missing
        connector.apply(ref, Triage((TAG,)), ref.key)
    assert connector.check().ok
    for status, kind in ((403, RejectedError), (422, RejectedError), (404, Overtaken)):
        account.double.troubles.order(Fault(Reply(status, {})), "PUT")
        with pytest.raises(kind):
            connector.apply(ref, Triage((TAG,)), ref.key)


def test_a_ticket_closed_in_the_last_moment_is_overtaken(account: Account) -> None:
    connector, ref = first(account)

    def close(request: Any) -> None:
        if request.method == "PUT":
            account.double.tickets[int(ref.ticket)].status = "closed"

    account.double.meddle = close
    with pytest.raises(Overtaken, match="closed"):
        connector.apply(ref, Triage((TAG,)), ref.key)


def test_a_ticket_that_reached_its_own_limit_waits_alone(account: Account) -> None:
    connector, ref = first(account)
    spent = {
        "zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=468",
        "Retry-After": "468",
    }
    account.double.troubles.order(Fault(Reply(429, b"", spent)), "PUT")
    with pytest.raises(TransientError) as caught:
        connector.apply(ref, Triage((TAG,)), ref.key)
    assert (type(caught.value), caught.value.retry_after) == (TransientError, 468)


def test_a_ticket_that_keeps_changing_is_given_up_for_now(account: Account) -> None:
    connector, ref = first(account)
    number = int(ref.ticket)

    def meddle(request: Any) -> None:
        if request.method == "PUT":
            account.double.change(number, extra={})
            account.double.hour.forward(5)

    account.double.meddle = meddle
    with pytest.raises(TransientError, match="keeps changing"):
        connector.apply(ref, Triage((TAG,)), ref.key)


def test_undo_of_a_closed_ticket_is_overtaken(account: Account) -> None:
    connector, ref = first(account)
    receipt = connector.apply(ref, Triage((TAG,)), ref.key)
    account.double.hour.forward(60)
    account.agent_closes(ref.ticket)
    with pytest.raises(Overtaken):
        connector.undo(ref, receipt)


def test_tags_that_zendesk_drops_are_not_in_the_receipt(account: Account) -> None:
    connector, ref = first(account)
    account.double.drops = {"urgent"}
    assert connector.apply(ref, Triage((TAG, "urgent")), ref.key).tags == (TAG,)


def test_a_reference_of_another_service_is_rejected(account: Account) -> None:
    connector, ref = first(account)
    for name in ("x", "0", "-1", "9" * 19, ""):
        with pytest.raises(RejectedError):
            connector.apply(replace(ref, ticket=name), Triage((TAG,)), ref.key)


def test_no_credential_gets_anywhere(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    """Secrets are in headers and in the one body that asks for a token, and in nothing that people see."""
    said: list[str] = []
    out = io.StringIO()
    with caplog.at_level(logging.DEBUG), redirect_stdout(out):
        for settings in (account.settings(), account.legacy()):
            for fault in (Fault(Reply(401, b"t0ken-canary s3cret-canary")), broken(500), Fault(refused=True)):
                connector = account.connector("acme", settings)
                account.double.troubles.order(fault, times=6)
                try:
                    list(connector.fetch(None))
                except SmartTicketError as error:
                    said += [repr(error), repr(error.__cause__), repr(settings)]
                account.double.troubles.ordered.clear()
                account.double.hour.forward(120)
    assert said
    assert "canary" not in " ".join([*said, caplog.text, out.getvalue()])
    for request in account.double.requests:
        assert "canary" not in request.path + str(request.query)


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


def test_an_answer_without_our_mark_stops_the_source(account: Account) -> None:
    connector, ref = first(account)
    shown = account.double.tickets[int(ref.ticket)].shown(account.double.url)
    account.double.troubles.order(Fault(Reply(200, {"ticket": shown, "audit": {}})), "PUT")
    with pytest.raises(ConfigurationError, match="mark"):
        connector.apply(ref, Triage((TAG,)), ref.key)


def test_a_public_note_that_cannot_be_hidden_is_said_with_what_to_do(account: Account) -> None:
    connector, ref = first(account)
    account.double.publishes = True
    account.double.troubles.order(Fault(Reply(403, {})), path="/make_private")
    with pytest.raises(ConfigurationError, match="by hand, at once"):
        connector.apply(ref, Triage((TAG,), None, NOTE), ref.key)
    assert [f.exit_code for f in connector.check().findings if not f.ok] == [78]


def test_pages_that_do_not_end_are_no_answer(account: Account) -> None:
    connector, ref = first(account)
    page = {"audits": [], "meta": {"has_more": True, "after_cursor": "x"}}
    account.double.troubles.order(Fault(Reply(200, page)), path="/audits", times=5)
    with pytest.raises(Unreachable, match="come to an end"):
        connector.applied(ref, ref.key)


def test_a_long_history_is_read_to_its_end(account: Account) -> None:
    connector, ref = first(account)
    for number in range(250):
        account.double.speak(int(ref.ticket), AGENT if number == 249 else ADMIN, public=number == 249)
    account.double.tickets[int(ref.ticket)].status = "new"
    account.double.hour.forward(60)
    with pytest.raises(Overtaken, match="answered"):
        connector.apply(ref, Triage((TAG,)), ref.key)


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


def test_observing_asks_for_no_right_to_write(account: Account) -> None:
    account.double.scope = "read"
    assert account.connect(mode="observe").check().ok
    assert account.double.calls["PUT /api/vN/tickets/N"] == 0
