"""The imap connector on a real Dovecot and a real Cyrus: sign-in, faults, big mail, round trips."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from smartticket_connectors.imap import ImapConnector
from smartticket_daemon.domain import Cursor, Message, MessageRef, Note, Triage
from smartticket_daemon.errors import AccessDenied, ConfigurationError, TransientError, Unreachable
from tests.servers.mailserver import HERE, Account, Server

pytest_plugins = ["tests.servers.fixtures"]
PLAN = Triage(("category__billing", "lang:de"), "Billing", Note("Hello,\nwe look into it.", "billing.en"))
Open = Callable[..., ImapConnector]


@pytest.fixture(
    params=[
        pytest.param("dovecot", marks=pytest.mark.dovecot),
        pytest.param("cyrus", marks=pytest.mark.cyrus),
    ]
)
def account(request: pytest.FixtureRequest) -> Account:
    server: Server = request.getfixturevalue(request.param)
    return server.account()


@pytest.fixture
def dovecot_account(dovecot: Server) -> Account:
    return dovecot.account()


@pytest.fixture
def connect() -> Iterator[Open]:
    made: list[ImapConnector] = []

    def make(account: Account, **changes: Any) -> ImapConnector:
        made.append(ImapConnector("box", account.settings(**changes)))
        return made[-1]

    yield make
    for connector in made:
        connector.close()


def mail(number: int, *, size: int = 0, reply_to: str = "") -> bytes:
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = (
        "ann@customer.example",
        "support@example.org",
        f"Question {number}",
    )
    one["Message-ID"] = f"<{number}@customer.example>"
    if reply_to:
        one["In-Reply-To"] = reply_to
    one.set_content(f"This is question {number}. Grüße")
    if size:
        one.add_attachment(
            bytes(range(256)) * (size // 256), maintype="image", subtype="png", filename="shot.png"
        )
    return one.as_bytes()


def everything(connector: ImapConnector, cursor: Cursor | None = None) -> tuple[list[Message], Cursor | None]:
    messages: list[Message] = []
    for batch in connector.fetch(cursor):
        messages += batch.messages
        cursor = batch.cursor
    return messages, cursor


def refs(connector: ImapConnector) -> list[MessageRef]:
    return [message.ref for message in everything(connector)[0]]


def test_a_hundred_messages_there_and_back(account: Account, connect: Open) -> None:
    account.deliver(*(mail(n) for n in range(100)))
    connector = connect(account)
    messages, cursor = everything(connector)
    assert [m.subject for m in messages] == [f"Question {n}" for n in range(100)]
    receipts = [connector.apply(m.ref, PLAN, m.ref.key) for m in messages]
    moved = account.rows("Billing", "FLAGS")
    assert len(moved) == len(account.rows("Drafts", "FLAGS")) == 100
    assert {flag for row in moved.values() for flag in row[b"FLAGS"]} <= {
        b"category__billing",
        b"lang:de",
        b"\\Recent",
    }
    assert account.rows("INBOX", "FLAGS") == {}
    assert len({receipt.position for receipt in receipts}) == 100
    fresh = connect(account)
    assert everything(fresh, cursor)[0] == []
    for message, receipt in list(zip(messages, receipts, strict=True))[::5]:
        found = fresh.applied(message.ref, message.ref.key)
        assert found is not None
        assert not PLAN.minus(found)
        fresh.undo(message.ref, receipt)
    flags = [row[b"FLAGS"] for row in account.rows("INBOX", "FLAGS").values()]
    assert len(flags) == 20
    assert {flag for row in flags for flag in row} <= {b"\\Recent"}
    assert len(account.rows("Drafts", "FLAGS")) == len(account.rows("Billing", "FLAGS")) == 80


def test_the_draft_is_a_threaded_reply(account: Account, connect: Open) -> None:
    account.deliver(mail(1))
    connector = connect(account)
    (ref,) = refs(connector)
    connector.apply(ref, PLAN, ref.key)
    (row,) = account.rows("Drafts", "FLAGS", "BODY.PEEK[]").values()
    assert {b"\\Draft", b"\\Seen"} <= set(row[b"FLAGS"])
    raw = row[b"BODY[]"]
    for line in (
        b"To: ann@customer.example",
        b"Subject: Re: Question 1",
        b"In-Reply-To: <1@customer.example>",
    ):
        assert line + b"\r\n" in raw
    account.deliver(mail(2, reply_to=f"<{ref.key}@draft.smartticket.invalid>"))
    (answer,) = [m for m in everything(connector)[0] if m.subject == "Question 2"]
    receipt = connector.applied(ref, ref.key)
    assert receipt is not None
    assert answer.answers == (receipt.note_id,)


def test_drafts_and_deleted_mail_are_told_as_such(account: Account, connect: Open) -> None:
    account.deliver(mail(1), mail(2), mail(3, reply_to="<1@customer.example>"))
    with account.client("INBOX") as client:
        client.add_flags([1], [b"\\Draft"])
        client.add_flags([2], [b"\\Deleted"])
    first, second, third = everything(connect(account))[0]
    assert first.marks == {"draft"}
    assert second.status == "deleted"
    assert (third.follow_up, first.follow_up, second.follow_up) == (True, False, False)


def test_a_big_attachment_is_not_fetched(account: Account, connect: Open) -> None:
    account.deliver(mail(1, size=2_000_000))
    connector = connect(account)
    began = time.monotonic()
    (message,) = everything(connector)[0]
    assert message.body.startswith("This is question 1. Grüße")
    assert message.files == ("shot.png",)
    assert time.monotonic() - began < 5


def test_start_at_a_date(account: Account, connect: Open) -> None:
    now = datetime.now(UTC)
    account.deliver(mail(1), when=now - timedelta(days=30))
    account.deliver(mail(2), when=now)
    connector = connect(account, start=(now - timedelta(days=5)).date().isoformat())
    assert [m.subject for m in everything(connector)[0]] == ["Question 2"]


def test_starttls(account: Account, connect: Open) -> None:
    account.deliver(mail(1))
    connector = connect(account, tls="starttls", port=int(account.server.env["IMAP_PORT"]))
    assert connector.check().ok
    assert len(refs(connector)) == 1


def test_an_untrusted_certificate_is_unreachable(account: Account, connect: Open) -> None:
    for changes in ({}, {"tls": "starttls", "port": int(account.server.env["IMAP_PORT"])}):
        connector = connect(account, ca_file=None, **changes)
        with pytest.raises(Unreachable, match="certificate"):
            refs(connector)


def test_idle_hints_at_new_mail(account: Account, connect: Open) -> None:
    connector = connect(account)
    refs(connector)
    hints: list[bool] = []
    waiting = threading.Thread(target=lambda: hints.append(connector.wait(20)))
    waiting.start()
    account.deliver(mail(1))
    waiting.join(20)
    assert hints == [True]


def test_no_drafts_folder_is_a_clear_finding(account: Account, connect: Open) -> None:
    finding = [f for f in connect(account, drafts="Entwürfe").check().findings if not f.ok]
    assert len(finding) == 1
    assert "Entwürfe" in finding[0].text
    assert finding[0].mend


def test_a_missing_folder_is_a_configuration_error(account: Account, connect: Open) -> None:
    connector = connect(account, folder="Nowhere")
    with pytest.raises(ConfigurationError, match="Nowhere"):
        refs(connector)


@pytest.mark.dovecot
@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("way", ["file", "command"])
def test_bearer_tokens(dovecot_account: Account, connect: Open, tmp_path: Path, auth: str, way: str) -> None:
    user, folder = dovecot_account.user, dovecot_account.server.folder
    command = [sys.executable, str(HERE / "bearer.py"), str(folder / "keys/secret"), user]
    token = tmp_path / "token"
    token.write_bytes(subprocess.run([*command, "600"], capture_output=True, check=True).stdout)
    source = {"oauth_token_file": token} if way == "file" else {"oauth_token_command": [*command, "600"]}
    assert refs(connect(dovecot_account, auth=auth, password_file=None, **source)) == []
    expired = connect(dovecot_account, auth=auth, password_file=None, oauth_token_command=[*command, "-10"])
    with pytest.raises(AccessDenied):
        refs(expired)


@pytest.mark.dovecot
def test_a_kicked_connection_is_opened_again(dovecot_account: Account, connect: Open) -> None:
    dovecot_account.deliver(mail(1))
    connector = connect(dovecot_account)
    (ref,) = refs(connector)
    dovecot_account.server.run("kick", dovecot_account.user)
    assert connector.apply(ref, PLAN, ref.key).tags == PLAN.tags


@pytest.mark.dovecot
def test_a_renumbered_mailbox_comes_again_with_the_same_keys(dovecot_account: Account, connect: Open) -> None:
    dovecot_account.deliver(mail(1), mail(2), mail(3))
    connector = connect(dovecot_account)
    messages, cursor = everything(connector)
    connector.apply(messages[0].ref, Triage(("category__billing",)), messages[0].ref.key)
    dovecot_account.server.run("uidreset", dovecot_account.user)
    again, cursor = everything(connector, cursor)
    assert sorted(m.ref.key for m in again) == sorted(m.ref.key for m in messages)
    assert [s.exists for s in connector.current(m.ref for m in messages)] == [False] * 3
    assert everything(connector, cursor)[0] == []
    assert [m.tags for m in again if m.ref.key == messages[0].ref.key] == [{"category__billing"}]


@pytest.mark.dovecot
def test_a_crash_of_the_server_loses_nothing(connect: Open, dovecot: Server) -> None:
    account = dovecot.account()
    account.deliver(*(mail(n) for n in range(5)))
    connector = connect(account)
    found = refs(connector)
    connector.apply(found[0], PLAN, found[0].key)
    dovecot.run("crash")
    with pytest.raises(Unreachable):
        connector.apply(found[1], PLAN, found[1].key)
    dovecot.run("restart")
    for ref in found:
        done = connector.applied(ref, ref.key)
        if done is None or PLAN.minus(done):
            connector.apply(ref, PLAN, ref.key)
    assert len(account.rows("Billing", "FLAGS")) == len(account.rows("Drafts", "FLAGS")) == 5


@pytest.mark.dovecot
def test_a_server_that_stands_still_costs_the_timeout(connect: Open, dovecot: Server) -> None:
    connector = connect(dovecot.account(), timeout="2s")
    refs(connector)
    pid = int((dovecot.folder / "pid").read_text())
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    family = [pid, *map(int, children.stdout.split())]
    began = time.monotonic()
    try:
        for one in family:
            _signal(one, signal.SIGSTOP)
        with pytest.raises(TransientError):
            refs(connector)
    finally:
        for one in reversed(family):
            _signal(one, signal.SIGCONT)
    assert time.monotonic() - began < 5
    assert refs(connector) == []


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
