"""Signing in to Zendesk and checking it, against the double: what is refused, and what is said."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stdout
from typing import Any

import pytest

from smartticket_daemon.domain import Finding, Triage
from smartticket_daemon.errors import AccessDenied, SmartTicketError
from smartticket_daemon.testing.steps import TAG
from tests.doubles.server import Fault, Reply, broken
from tests.doubles.zendesk_account import Account
from tests.doubles.zendesk_state import OURS

pytest_plugins = ["tests.doubles.zendesk_fixtures"]

TOKENS = "POST /oauth/tokens"


def bad(account: Account, **more: Any) -> list[Finding]:
    return [f for f in account.connect(**more).check(["Billing"]).findings if not f.ok]


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


def test_observing_asks_for_no_right_to_write(account: Account) -> None:
    account.double.scope = "read"
    assert account.connect(mode="observe").check().ok
    assert account.double.calls["PUT /api/vN/tickets/N"] == 0
