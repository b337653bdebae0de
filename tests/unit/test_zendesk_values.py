"""Zendesk's JSON as values: recorded answers, odd fields, states by name, conversations, settings."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smartticket_connectors.zendesk.conversation import said_by_customer
from smartticket_connectors.zendesk.fields import MalformedError, inner, moment, objects, texts, whole
from smartticket_connectors.zendesk.history import History, read_history
from smartticket_connectors.zendesk.mark import Mark
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_connectors.zendesk.ticket import Ticket, users_of
from smartticket_daemon.domain import Author, Cursor, Key, Status
from smartticket_daemon.errors import CursorExpired
from smartticket_daemon.http.limits import ACCOUNT, announced
from tests.samples import samples

KEY = Key("0" * 32)


def recorded() -> list[dict[str, Any]]:
    files = sorted(samples("recordings", "zendesk").glob("*.json"))
    return [entry for file in files for entry in json.loads(file.read_text("utf-8"))["interactions"]]


def test_every_recorded_ticket_user_and_audit_is_read() -> None:
    tickets, audits, users = [], [], []
    for entry in recorded():
        body = entry["response"]["body"]
        tickets += [*objects(body.get("tickets")), *([body["ticket"]] if "ticket" in body else [])]
        audits += [body["audit"]] if "audit" in body else []
        users += [body["user"]] if "user" in body else []
    parsed = [Ticket.parse(raw) for raw in tickets if "id" in raw]
    assert len(parsed) > 15
    assert {ticket.status for ticket in parsed} >= {Status.OPEN}
    assert read_history(audits, KEY).deeds == ()
    assert all(user.staff for user in users_of(users).values())


def test_every_recorded_rate_header_is_read() -> None:
    for entry in recorded():
        limits = announced(entry["response"]["headers"]).limits
        assert limits[ACCOUNT].total == 700
        assert limits[ACCOUNT].left is not None
    names = {name for entry in recorded() for name in announced(entry["response"]["headers"]).limits}
    assert {"tickets-update", "per-ticket-updates"} <= names


def raw(**fields: Any) -> dict[str, Any]:
    plain = {
        "id": 7, "status": "new", "subject": "Hello", "description": "text", "tags": ["a"], "group_id": None,
        "requester_id": 1, "submitter_id": 1, "created_at": "2026-11-02T09:00:00Z",
        "updated_at": "2026-11-02T09:00:00Z", "via": {"channel": "email", "source": {}},
    }  # fmt: skip
    return {**plain, **fields}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "new"}, Status.OPEN),
        ({"status": "open"}, Status.OPEN),
        ({"status": "pending"}, Status.OPEN),
        ({"status": "hold"}, Status.OPEN),
        ({"status": "solved"}, Status.SOLVED),
        ({"status": "closed"}, Status.CLOSED),
        ({"status": "deleted"}, Status.DELETED),
        ({"status": "deleted", "subject": "SCRUBBED", "description": "X"}, Status.DELETED),
        ({"status": "closed", "subject": "SCRUBBED", "description": "X"}, Status.DELETED),
        ({"status": "closed", "tags": ["closed_by_merge"]}, Status.MERGED),
        ({"status": "closed", "via": {"channel": "web", "source": {"rel": "merge"}}}, Status.MERGED),
        ({"status": "open", "tags": ["closed_by_merge"]}, Status.OPEN),
    ],
)
def test_states_by_name(fields: dict[str, Any], status: Status) -> None:
    assert Ticket.parse(raw(**fields)).status is status


@pytest.mark.parametrize(
    "fields",
    [{"id": None}, {"id": 0}, {"id": True}, {"status": None}, {"status": "frozen"}, {"created_at": "soon"},
     {"created_at": None}, {"updated_at": 5}],
)  # fmt: skip
def test_what_nothing_can_be_done_with_is_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Ticket.parse(raw(**fields))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(raw(), anything)))
def test_no_value_of_any_field_breaks_the_reading(fields: dict[str, Any]) -> None:
    with suppress(MalformedError):
        assert Ticket.parse(raw(**fields)).id > 0


@given(st.lists(anything, max_size=4), anything)
def test_no_audit_breaks_the_history(events: list[Any], metadata: Any) -> None:
    audit = {"events": events, "metadata": {"custom": {"smartticket": metadata}}}
    assert isinstance(read_history([audit, {"events": metadata}, {"metadata": metadata}], KEY), History)


def test_fields_are_read_leniently() -> None:
    assert [whole(v) for v in (5, "5", "-5", "٣", True, None, 5.0, "")] == [
        5,
        5,
        None,
        None,
        None,
        None,
        None,
        None,
    ]
    assert texts(["a", 1, None]) == ("a",)
    assert objects([{}, 1]) == [{}]
    assert inner({"a": {"b": 1}}, "a", "b") == {}
    assert moment("2026-11-02T09:00:00").tzinfo is not None


USERS = users_of(
    [
        {"id": 1, "role": "end-user", "name": "Ann", "email": "ann@customer.example"},
        {"id": 2, "role": "agent"},
        {"id": 3, "role": "admin"},
        {"id": None, "name": "Anonymous user"},
    ]
)


@pytest.mark.parametrize(
    ("requester", "submitter", "author"),
    [
        (1, 1, Author.REQUESTER),
        (1, 2, Author.AGENT),
        (1, 3, Author.AGENT),
        (2, 2, Author.AGENT),
        (2, 1, Author.REQUESTER),
        (1, None, Author.REQUESTER),
        (2, None, Author.AGENT),
        (None, None, Author.REQUESTER),
        (1, 99, Author.REQUESTER),
    ],
)
def test_the_role_of_the_submitter_decides_who_wrote(
    requester: int | None, submitter: int | None, author: Author
) -> None:
    assert Ticket.parse(raw(requester_id=requester, submitter_id=submitter)).author(USERS) is author


@pytest.mark.parametrize(
    ("channel", "source", "follow_up", "conversation"),
    [
        ("email", {}, False, False),
        ("chat", {}, False, True),
        ("native_messaging", {}, False, True),
        ("closed_ticket", {}, True, False),
        ("web", {"rel": "follow_up"}, True, False),
    ],
)
def test_the_channel_is_looked_at(
    channel: str, source: dict[str, Any], follow_up: bool, conversation: bool
) -> None:
    ticket = Ticket.parse(raw(via={"channel": channel, "source": source}))
    assert (ticket.follow_up, ticket.conversation) == (follow_up, conversation)
    assert Ticket.parse(raw(from_messaging_channel=True)).conversation


CHAT = """Chat started: 2026-11-02 09:00 AM UTC

(09:00:05 AM) Ann: My parcel is late
it was due on Friday
(09:00:20 AM) Answer Bot: Have you read our page?
(09:01:00 AM) Ann: yes: it says nothing
(09:02:00 AM) Bob: Let me look"""


def test_of_a_chat_the_customers_turns_count() -> None:
    assert said_by_customer(CHAT, "Ann") == "My parcel is late\nit was due on Friday\nyes: it says nothing"
    assert said_by_customer(CHAT.replace("Ann:", "Visitor 1234:"), "").startswith("My parcel")
    assert said_by_customer("(2026-11-02 09:00) Web User 5f: Hello", "x") == "Hello"


@pytest.mark.parametrize(
    "text", ["Conversation with Ann", "", "Ann: hello", "(25) x: y", CHAT.replace("Ann", "Eve")]
)
def test_a_transcript_that_is_none_stays_whole(text: str) -> None:
    assert said_by_customer(text, "Ann") == text


def audit(author: int, *public: bool, custom: Any = None) -> dict[str, Any]:
    events = [
        {"type": "Comment", "id": 50 + n, "author_id": author, "public": p} for n, p in enumerate(public)
    ]
    return {"author_id": author, "events": events, "metadata": {"custom": custom or {}}}


def test_the_history_tells_who_spoke_after_the_first_message() -> None:
    history = read_history([audit(1, True), audit(2, False), audit(1, True), audit(3, True)], KEY)
    assert history.speakers == {1, 3}
    assert read_history([audit(1, True)], KEY).speakers == frozenset()
    assert read_history([audit(2, True)], KEY).speakers == frozenset()


def test_the_history_tells_our_deeds_of_one_key() -> None:
    ours = {"smartticket": {"v": 1, "key": KEY, "tags": ["a"], "group": "5", "group_before": None}}
    other = {"smartticket": {"v": 1, "key": "1" * 32, "tags": ["b"], "group": None, "group_before": None}}
    undone = {"smartticket": {"v": 1, "undone": KEY}}
    history = read_history(
        [audit(9, False, custom=ours), audit(9, custom=other), audit(9, custom=undone)], KEY
    )
    (deed,) = history.deeds
    assert (deed.tags, deed.group, deed.routed, deed.note, deed.public) == (("a",), 5, True, 50, False)


@pytest.mark.parametrize("public", [True, None, 1, "false"])
def test_a_note_that_is_not_plainly_private_counts_as_public(public: Any) -> None:
    ours = {"smartticket": {"v": 1, "key": KEY, "tags": [], "group": None, "group_before": None}}
    assert read_history([audit(9, public, custom=ours)], KEY).deeds[0].public
    hidden = {"events": [{"type": "CommentPrivacyChange", "comment_id": 50}]}
    assert not read_history([audit(9, public, custom=ours), hidden], KEY).deeds[0].public


def test_a_cursor_is_one_of_its_account() -> None:
    mark = Mark(place="https://a.zendesk.com", way="export", after="x")
    assert Mark.parse(mark.cursor(), "https://a.zendesk.com") == mark
    with pytest.raises(CursorExpired):
        Mark.parse(mark.cursor(), "https://b.zendesk.com")
    with pytest.raises(CursorExpired):
        Mark.parse(Cursor('{"place": "https://a.zendesk.com", "way": "time"}'), "https://a.zendesk.com")


OAUTH = {"client_id": "x", "client_secret_file": "s"}
LEGACY = {"email": "a@b.example", "api_token_file": "t"}
URL = {"url": "https://acme.zendesk.com"}


@pytest.mark.parametrize(
    "keys",
    [
        {}, {"client_id": "x"}, {"client_secret_file": "s"}, {"email": "a@b.example"}, {**OAUTH, **LEGACY},
        {**OAUTH, "email": "a@b.example"}, {**OAUTH, "url": "https://acme.zendesk.com/agent"},
        {**OAUTH, "budget": 0}, {**OAUTH, "budget": 1.1}, {**OAUTH, "on_reply": "triage"},
        {**OAUTH, "api_token": "x"}, {**OAUTH, "batch": 1001}, {**OAUTH, "url": "http://acme.zendesk.com"},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ZendeskSettings.model_validate({**URL, **keys})


def test_settings_that_can() -> None:
    assert ZendeskSettings.model_validate({**URL, **OAUTH}).client_secret_file == Path("s")
    assert ZendeskSettings.model_validate({**URL, **LEGACY}).budget == 0.5
