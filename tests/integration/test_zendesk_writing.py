"""Writing to Zendesk's tickets, against the double: what is refused, lost or taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smartticket_daemon.domain import Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    Overtaken,
    RejectedError,
    TransientError,
)
from smartticket_daemon.testing.steps import NOTE, TAG
from tests.doubles.server import Fault, Reply, Request
from tests.doubles.zendesk_account import Account, first, group_id
from tests.doubles.zendesk_state import ADMIN, AGENT

pytest_plugins = ["tests.doubles.zendesk_fixtures"]


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


@pytest.mark.parametrize("path", ["/audits", ""])
def test_a_ticket_deleted_while_we_look_at_it_is_overtaken(account: Account, path: str) -> None:
    connector, ref = first(account)

    def delete(request: Request) -> None:
        if request.path.endswith(f"/tickets/{ref.ticket}{path}"):
            account.double.tickets[int(ref.ticket)].status = "deleted"

    account.double.meddle = delete
    with pytest.raises(Overtaken, match="deleted"):
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


def test_a_long_history_is_read_to_its_end(account: Account) -> None:
    connector, ref = first(account)
    for number in range(250):
        account.double.speak(int(ref.ticket), AGENT if number == 249 else ADMIN, public=number == 249)
    account.double.tickets[int(ref.ticket)].status = "new"
    account.double.hour.forward(60)
    with pytest.raises(Overtaken, match="answered"):
        connector.apply(ref, Triage((TAG,)), ref.key)


def test_a_history_without_an_end_is_given_up(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartticket_connectors.zendesk.desk._PAGES", 2)
    connector, ref = first(account)
    for _ in range(250):
        account.double.speak(int(ref.ticket), ADMIN, public=False)
    account.double.hour.forward(60)
    with pytest.raises(TransientError, match="do not come to an end"):
        connector.apply(ref, Triage((TAG,)), ref.key)
    assert account.look(ref.ticket).tags == set()


def test_what_stands_is_not_written_again_though_nobody_looked(account: Account) -> None:
    connector, ref = first(account)
    plan = Triage((TAG,), None, NOTE)
    told = connector.apply(ref, plan, ref.key)
    account.double.hour.forward(60)
    assert connector.apply(ref, plan, ref.key) == told
    assert len(account.look(ref.ticket).notes) == 1


def test_a_public_note_without_our_mark_is_hidden_first(account: Account) -> None:
    connector, ref = first(account)
    shown = account.double.tickets[int(ref.ticket)].shown(account.double.url)
    said = {"events": [{"id": 1, "type": "Comment", "public": True}]}
    account.double.troubles.order(Fault(Reply(200, {"ticket": shown, "audit": said})), "PUT")
    with pytest.raises(ConfigurationError, match="made our internal note"):
        connector.apply(ref, Triage((TAG,), None, NOTE), ref.key)
    assert account.double.calls["PUT /api/vN/tickets/N/comments/N/make_private"] == 1
