"""The connector on a real Request Tracker: what customers mail, what agents do, and what gets out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from bench.request_tracker import campaign
from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_daemon.domain import Author, MessageRef, Note, Status, Triage
from smartticket_daemon.errors import AccessDenied, ConfigurationError, RejectedError
from smartticket_daemon.filters import FilterRules, reason_to_skip
from tests.doubles.server import Fault
from tests.servers.rt import US, RequestTracker, comments, first_mail
from tests.servers.rt_between import Desk

pytest_plugins = ["tests.servers.rt_fixture"]
PLAN = Triage(
    ("category__billing", "urgent"), "Billing", Note("Hello Ann,\n\nwe look into it.", "billing.en")
)
RULES = FilterRules(
    category_tags=frozenset({"category__billing"}),
    own_addresses=frozenset({"support@rt.test"}),
    triage_replies=False,
    max_age=None,
    start=None,
    now=datetime.now(UTC),
)


# What customers send


def test_a_mail_with_everything(desk: Desk) -> None:
    mail = first_mail(
        "Füße: 請求書", "The text, grün & 請求書.\n\n-- \nAnn", "Ann Ash <Ann@Customer.example>"
    )
    mail.add_alternative("<p>The <b>text</b></p>", subtype="html")
    mail.add_attachment(b"\x89PNG" + bytes(200_000), "image", "png", filename="screenshot.png")
    mail.add_attachment(b"not the text", "text", "plain", filename="log.txt")
    message = desk.receive(mail)
    assert (message.subject, message.body) == ("Füße: 請求書", "The text, grün & 請求書.")
    assert (message.requester.name, message.requester.address) == ("Ann Ash", "ann@customer.example")
    assert message.files == ("screenshot.png", "log.txt")
    assert (message.author, message.status, message.group) == (Author.REQUESTER, Status.OPEN, None)
    assert not message.answered
    assert reason_to_skip(message, RULES) is None
    asked = [r.path for r in desk.between.requests if "/attachment/" in r.path]
    assert len(asked) == 2, "the screenshot is not fetched"


def test_html_alone_and_an_old_charset(desk: Desk) -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "bob@customer.example", "Rechnung"
    mail.set_content("<p>Die Rechnung ist <b>doppelt</b>: Grüße</p>", subtype="html", charset="iso-8859-1")
    message = desk.receive(mail)
    assert message.body == "Die Rechnung ist doppelt: Grüße"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Auto-Submitted": "auto-replied"}, "auto_reply"),
        ({"List-Id": "News <news.customer.example>", "Precedence": "list"}, "list"),
        ({"X-Failed-Recipients": "nobody@customer.example"}, "bounce"),
    ],
)
def test_machine_mail_is_told_by_its_headers(desk: Desk, headers: dict[str, str], reason: str) -> None:
    mail = first_mail("Hello", "I am away until Monday.")
    for name, value in headers.items():
        mail[name] = value
    assert reason_to_skip(desk.receive(mail), RULES) == reason


def test_an_empty_mail(desk: Desk) -> None:
    assert reason_to_skip(desk.receive(b"From: ann@customer.example\n\n"), RULES) == "empty"


@pytest.mark.parametrize(("user", "author"), [("root", Author.AGENT), (US, Author.OURSELVES)])
def test_tickets_that_no_customer_made(rt: RequestTracker, user: str, author: Author) -> None:
    name = rt.new_queue()
    body = {"Queue": name, "Subject": "By phone", "Content": "He called.", "Requestor": "c@customer.example"}
    rt.ask("POST", "/ticket", body, user=user)
    connector = RequestTrackerConnector("desk", rt.settings(queues=[name]))
    message = connector.read(MessageRef("desk", rt.newest(name), "first"))
    assert message.author is author
    assert (message.requester.address, message.body) == ("c@customer.example", "He called.")


def test_a_customers_reply_makes_no_new_message(desk: Desk) -> None:
    ref = desk.ref()
    reply = first_mail(f"Re: [rt.test #{ref.ticket}] Charged twice", "Any news?")
    desk.rt.mail(reply.as_bytes(), desk.queue)
    batches = list(desk.connector().fetch(None))
    assert [m.ref for batch in batches for m in batch.messages] == [ref]
    assert not desk.connector().read(ref).answered


def test_what_rt_stumbles_over_holds_nobody_up(desk: Desk) -> None:
    first, second = desk.ref(), desk.ref()
    bad = f"/REST/2.0/ticket/{first.ticket}/history"
    desk.between.trouble = lambda request: Fault(refused=True) if request.path == bad else None
    batches = list(desk.connector().fetch(None))
    assert [m.ref for batch in batches for m in batch.messages] == [second]
    assert [u.ref for batch in batches for u in batch.unreadable] == [first]


# What gets out


HOSTILE = "<script>alert(1)</script> {{ 7*7 }} \r\nBcc: eve@evil.example\x1b[31m \N{RIGHT-TO-LEFT OVERRIDE}"


def test_hostile_words_stay_words(desk: Desk) -> None:
    message = desk.receive(first_mail("<b>correspond</b> {{ x }}", HOSTILE, "eve@evil.example"))
    note = Note(f"Hello,\n\n{HOSTILE} correspond", "x.en")
    desk.connector().apply(message.ref, Triage(("category__a",), None, note), message.ref.key)
    [comment] = comments(desk.rt, message.ref.ticket)
    assert "<script>alert(1)</script> {{ 7*7 }}" in comment.text
    assert comment.creator == US
    assert message.ref.key in comment.subject


def test_start_now_passes_over_what_is_there(desk: Desk) -> None:
    desk.ref()
    connector = desk.connector(start="now")
    cursor = list(connector.fetch(None))[-1].cursor
    new = desk.ref()
    assert [m.ref for batch in connector.fetch(cursor) for m in batch.messages] == [new]


def test_a_users_time_zone_changes_nothing(desk: Desk) -> None:
    first = desk.ref()
    for zone in ("Pacific/Kiritimati", "America/New_York"):
        desk.rt.ask("PUT", f"/user/{US}", {"Timezone": zone})
        day = datetime.now(UTC).date().isoformat()
        batches = list(desk.connector(start=day).fetch(None))
        assert [m.ref for batch in batches for m in batch.messages] == [first]


# Rights and settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "root"}, "the token is not that of root"),
        ({"username": "no such user"}, "RT knows no user"),
        ({"queues": ["Nowhere"]}, "there is no queue Nowhere"),
        ({"tag_field": "Labels"}, "no custom field Labels"),
    ],
)
def test_check_says_what_to_mend(rt: RequestTracker, changes: dict[str, Any], words: str) -> None:
    diagnosis = RequestTrackerConnector("desk", rt.settings(**changes)).check(["Billing"])
    bad = [finding for finding in diagnosis.findings if not finding.ok]
    assert any(words in finding.text for finding in bad)
    assert all(finding.mend for finding in bad)


def test_check_finds_a_route_that_is_not_there(rt: RequestTracker) -> None:
    connector = RequestTrackerConnector("desk", rt.settings())
    assert connector.check(["Billing"]).ok
    assert not connector.check(["Billing", "Nowhere"]).ok


def test_what_rt_says_200_to_and_does_not_do_is_found_out(desk: Desk) -> None:
    ref = desk.ref()
    with pytest.raises(AccessDenied, match="did not move the ticket"):
        desk.connector().apply(ref, Triage(route="Nowhere"), ref.key)
    with pytest.raises(ConfigurationError, match="has no custom field"):
        desk.connector(tag_field="Labels").apply(ref, Triage(PLAN.tags), ref.key)
    assert comments(desk.rt, ref.ticket) == []


def test_a_name_that_is_no_number_is_refused(desk: Desk) -> None:
    for ticket in ("../user/1", "1/comment", "", "٣"):
        with pytest.raises(RejectedError):
            desk.connector().apply(
                replace(MessageRef("desk", "1", "first"), ticket=ticket), PLAN, MessageRef("a", "b", "c").key
            )
    assert desk.between.requests == []


# The whole chain


def test_the_whole_chain_with_a_crash_in_the_middle(rt: RequestTracker, tmp_path: Path) -> None:
    assert campaign(rt, tmp_path, 12) == []
