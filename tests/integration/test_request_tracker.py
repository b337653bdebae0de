"""The connector on a real Request Tracker: what customers mail, what agents do, and what gets out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from bench.request_tracker import campaign
from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_daemon.domain import Author, Message, MessageRef, Note, Status, Triage
from smartticket_daemon.errors import AccessDenied, ConfigurationError, Overtaken, RejectedError, Unreachable
from smartticket_daemon.filters import FilterRules, reason_to_skip
from tests.doubles.server import Fault, Request
from tests.servers.rt import US, RequestTracker, comments, first_mail, history, queue, tags
from tests.servers.rt_between import Between

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


class Desk:
    """One queue, the connector that reads it through `between`, and the messages it has."""

    def __init__(self, rt: RequestTracker) -> None:
        self.rt = rt
        self.queue = rt.new_queue()
        self.between = Between(rt)

    def connector(self, **changes: Any) -> RequestTrackerConnector:
        settings = self.rt.settings(url=self.between.url, queues=[self.queue], **changes)
        return RequestTrackerConnector("desk", settings)

    def receive(self, mail: EmailMessage | bytes) -> Message:
        """A mail arrives and is read."""
        self.rt.mail(mail if isinstance(mail, bytes) else mail.as_bytes(), self.queue)
        return self.connector().read(MessageRef("desk", self.rt.newest(self.queue), "first"))

    def ref(self) -> MessageRef:
        """A new plain ticket."""
        return self.receive(first_mail("Charged twice", "I was charged twice.")).ref


@pytest.fixture
def desk(rt: RequestTracker) -> Iterator[Desk]:
    before = rt.caused_by_us()
    desk = Desk(rt)
    with desk.between:
        yield desk
        assert desk.between.errors == []
        assert_private(desk.between.writes)
    assert rt.caused_by_us() == before


def assert_private(writes: list[Request]) -> None:
    """Nothing but tags, queue and internal comments was ever asked for."""
    for request in writes:
        assert "correspond" not in request.path.lower()
        if request.method == "PUT":
            assert set(request.json()) <= {"CustomFields", "Queue"}
        else:
            assert request.method == "POST"
            assert request.path.endswith("/comment")
            assert set(request.json()) == {"Content", "ContentType", "Subject"}
            assert request.json()["ContentType"] == "text/plain"


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


# People


def test_a_person_who_edits_between_reading_and_writing_loses_nothing(desk: Desk) -> None:
    ref = desk.ref()
    values = [["vip"], ["vip", "late"], ["late"]]
    desk.between.people = [lambda value=value: set_tags(desk.rt, ref, value) for value in values]  # type: ignore[misc]
    desk.connector().apply(ref, PLAN, ref.key)
    assert sorted(tags(desk.rt, ref.ticket)) == ["category__billing", "late", "urgent"]
    assert len(comments(desk.rt, ref.ticket)) == 1


def test_a_person_who_decides_between_reading_and_writing_wins(desk: Desk) -> None:
    ref = desk.ref()
    desk.between.people = [lambda: set_tags(desk.rt, ref, ["category__refund"])]
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)
    assert tags(desk.rt, ref.ticket) == ["category__refund"]
    assert comments(desk.rt, ref.ticket) == []


def test_a_tag_that_a_person_took_off_is_not_set_again(desk: Desk) -> None:
    ref = desk.ref()
    desk.connector().apply(ref, Triage(PLAN.tags), ref.key)
    set_tags(desk.rt, ref, ["urgent"])
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)
    assert tags(desk.rt, ref.ticket) == ["urgent"]


def test_a_category_set_by_a_person_and_moved_back_and_forth(desk: Desk) -> None:
    ref = desk.ref()
    for name in ("Complaints", desk.queue):
        desk.rt.ask("PUT", f"/ticket/{ref.ticket}", {"Queue": name})
    with pytest.raises(Overtaken, match="human_decided"):
        desk.connector().apply(ref, PLAN, ref.key)


def test_a_merged_ticket(desk: Desk) -> None:
    ref, other = desk.ref(), desk.ref()
    desk.rt.ask("PUT", f"/ticket/{ref.ticket}", {"MergeInto": int(other.ticket)})
    for deed in (
        lambda c: c.read(ref),
        lambda c: c.apply(ref, PLAN, ref.key),
        lambda c: c.applied(ref, ref.key),
    ):
        with pytest.raises(Overtaken, match="merged"):
            deed(desk.connector())
    assert [state.exists for state in desk.connector().current([ref, other])] == [False, True]


def test_undo_puts_back_what_is_still_ours(desk: Desk) -> None:
    ref = desk.ref()
    receipt = desk.connector().apply(ref, PLAN, ref.key)
    set_tags(desk.rt, ref, ["urgent"])
    set_tags(desk.rt, ref, ["urgent", "category__billing", "vip"])
    desk.connector().undo(ref, receipt)
    assert sorted(tags(desk.rt, ref.ticket)) == ["category__billing", "vip"], (
        "a person set the category again"
    )
    assert queue(desk.rt, ref.ticket) == desk.queue
    assert len(comments(desk.rt, ref.ticket)) == 1


# Lost answers


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_a_lost_answer_leaves_one_comment(desk: Desk, method: str, kind: str) -> None:
    ref = desk.ref()
    once = [Fault(**{kind: True})]
    desk.between.trouble = lambda request: once.pop() if request.method == method and once else None
    with pytest.raises(Unreachable):
        desk.connector().apply(ref, PLAN, ref.key)
    found = desk.connector().applied(ref, ref.key)
    left = PLAN.minus(found) if found else PLAN
    receipt = desk.connector().apply(ref, left, ref.key) if left else found
    assert receipt is not None
    assert len(comments(desk.rt, ref.ticket)) == 1
    assert set(tags(desk.rt, ref.ticket)) == set(PLAN.tags)
    assert queue(desk.rt, ref.ticket) == "Billing"


def test_a_blind_second_attempt_writes_nothing_twice(desk: Desk) -> None:
    ref = desk.ref()
    first = desk.connector().apply(ref, PLAN, ref.key)
    before = history(desk.rt, ref.ticket)
    assert desk.connector().apply(ref, PLAN, ref.key) == first
    assert history(desk.rt, ref.ticket) == before


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


def set_tags(rt: RequestTracker, ref: MessageRef, values: list[str]) -> None:
    rt.ask("PUT", f"/ticket/{ref.ticket}", {"CustomFields": {"SmartTicket": values}})


# The whole chain


def test_the_whole_chain_with_a_crash_in_the_middle(rt: RequestTracker, tmp_path: Path) -> None:
    assert campaign(rt, tmp_path, 12) == []
