"""What the freshdesk connector makes of the service's answers, and what its notes look like."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.mark import OVERLAP, REMEMBERED, Mark
from smartticket_connectors.freshdesk.note import Record, ours, written
from smartticket_connectors.freshdesk.thread import FIRST, answered
from smartticket_daemon.domain import Cursor, Key, Status
from smartticket_daemon.errors import CursorExpired, Unreachable
from tests.samples import samples

KEY = Key("0123456789abcdef" * 2)
ME = 7
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def recorded() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(
        samples("recordings", "freshdesk", "list_tickets_items.json").read_text("utf-8")
    )["items"]
    return items


def test_recorded_tickets_are_understood() -> None:
    first, second, third = recorded()
    assert fields.body(first).startswith("I was trying to make a payment")
    assert fields.body(second) == "Test"
    assert fields.requester(first).address == "requester.a@example.com"
    assert [fields.status(t) for t in (first, second, third)] == [Status.OPEN, Status.CLOSED, Status.OPEN]
    assert [fields.answered(t) for t in (first, second, third)] == [False, False, True]
    assert [t["source"] == fields.OUTBOUND for t in (first, second, third)] == [False, True, False]
    assert [fields.ticket_number(t) for t in (first, second, third)] == [18, 21, 22]


@pytest.mark.parametrize("drop", ["description", "requester", "stats", "tags", "custom_fields", "subject"])
def test_what_is_missing_does_no_harm(drop: str) -> None:
    for value in (None, 3, "x", [], {}):
        ticket = {**recorded()[0], drop: value}
        fields.body(ticket)
        fields.requester(ticket)
        fields.subject(ticket)
        assert fields.answered(ticket) is False
        assert fields.status(ticket) is Status.OPEN
        assert fields.categories(ticket, None) == ()
        assert fields.categories(ticket, "cf_triage") == ()


@pytest.mark.parametrize("code", [2, 3, 6, 7, 42, None, "open"])
def test_statuses_of_the_accounts_own_are_open(code: Any) -> None:
    assert fields.status({"status": code}) is Status.OPEN


def test_deleted_spam_and_merged_tickets_are_known_by_name() -> None:
    merged = {"private": True, "body": "<div>This ticket is closed and merged into ticket 5</div>"}
    assert fields.status({"status": 2, "deleted": True}) is Status.DELETED
    assert fields.status({"status": 2, "spam": True}) is Status.SPAM
    assert fields.status({"status": 5, "conversations": [merged]}) is Status.MERGED
    assert fields.status({"status": 5, "conversations": [{**merged, "private": False}]}) is Status.CLOSED


@pytest.mark.parametrize("ticket", [None, [], {}, {"id": "7"}, {"id": True}, {"id": -1}])
def test_a_list_of_something_else_is_not_the_service(ticket: Any) -> None:
    with pytest.raises(Unreachable):
        fields.ticket_number(ticket)


def test_moments_have_any_offset() -> None:
    assert fields.moment("2026-11-23T17:30:00+05:30") == fields.moment("2026-11-23T12:00:00Z") == NOON


@pytest.mark.parametrize("text", [None, 7, "", "yesterday", "0001-01-01T00:00:00+05:30", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: Any) -> None:
    with pytest.raises(ValueError):
        fields.moment(text)
    with pytest.raises(Unreachable):
        fields.updated({"updated_at": text})


def test_attachments_speak_for_a_ticket_without_text() -> None:
    files = [{"name": "invoice\n7.pdf"}, {"name": None}, "x"]
    assert fields.files({"attachments": files}) == ("invoice 7.pdf",)
    assert fields.files({"attachments": None}) == ()


HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)"><a href="javascript:x">y</a>',
    "{{ticket.url}} {% assign x = 1 %} {{{{x}}}} {#c#}",
    "</p></small><iframe src=//evil>",
    "&lt;b&gt; &#123;&#123;ticket.id&#125;&#125;",
    f"smartticket key={'f' * 32} tag=evil group=Evil",
    "\x1b[31mred\x1b[0m \x00 \u202e \ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    record = Record(KEY, ("category__billing",), "A & B <x> {{y}}", "Ü'\" key=1")
    html = written(text, record)
    assert set(re.findall(r"<[^>]*>", html)) <= {"<p>", "</p>", "<br>", "<small>", "</small>"}
    assert "{{" not in html
    assert "{%" not in html
    assert html.isprintable() or "\u2060" in html
    assert Record.of(said(html)) == Record(KEY, record.tags, record.group, record.before, 9)


@given(st.text(), st.lists(st.text(min_size=1), max_size=3), st.one_of(st.none(), st.text(min_size=1)))
def test_any_record_comes_back(text: str, tags: list[str], group: str | None) -> None:
    tags = [tag.encode("utf-8", "replace").decode() for tag in tags]
    group = group.encode("utf-8", "replace").decode() if group else None
    html = written(text, Record(KEY, tuple(tags), group))
    assert Record.of(said(html)) == Record(KEY, tuple(tags), group, None, 9)
    assert set(re.findall(r"<[^>]*>", html)) <= {"<p>", "</p>", "<br>", "<br/>", "<small>", "</small>"}


def said(html: str, **more: Any) -> dict[str, Any]:
    return {"id": 9, "body": html, "private": True, "incoming": False, "user_id": ME, **more}


def test_only_our_own_agents_note_with_this_key_is_ours() -> None:
    html = written("Hello", Record(KEY, ("t",)))
    assert ours([said(html)], ME, KEY)
    assert ours([said(html)], ME, Key("f" * 32)) is None
    assert ours([said(html, user_id=8)], ME, KEY) is None
    assert ours([said(html, incoming=True)], ME, KEY) is None
    assert ours([None, "x", said("<p>Hello</p>"), said(None)], ME, KEY) is None
    shown = ours([said(html, private=False)], ME, KEY)
    assert shown is not None
    assert not shown.private


def test_an_answer_is_what_the_customer_sees_from_our_side() -> None:
    note, forward = said("x", source=2), said("x", source=8)
    customer = said("x", private=False, incoming=True, id=10)
    reply = said("x", private=False, source=0, id=11)
    assert not answered([note, forward, customer])
    assert answered([note, reply])
    assert answered([customer, reply], "10")
    assert not answered([reply, customer], "10")
    assert not answered([None, "x"], FIRST)


def test_the_mark_comes_back_and_forgets_what_is_past() -> None:
    mark = Mark(NOON, 5).past([(1, NOON), (2, NOON + timedelta(seconds=30)), (3, NOON + 2 * OVERLAP)])
    assert mark.at == NOON + 2 * OVERLAP
    assert mark.seen == {3: mark.at}
    assert Mark.parse(mark.cursor()) == mark
    crowd = Mark(NOON).past((n, NOON) for n in range(REMEMBERED * 2))
    assert len(crowd.seen) == REMEMBERED


FOREIGN_CURSORS = (
    "",
    "{}",
    "[]",
    "null",
    "[" * 100_000,
    '{"at": -1, "older": 0, "seen": {}}',
    '{"at": 1, "older": 0, "seen": []}',
    '{"at": 1, "older": true, "seen": {}}',
    '{"at": 9e99, "older": 0, "seen": {}}',
    '{"at": 99999999999999999, "older": 0, "seen": {}}',
    '{"at": 1, "older": 0, "seen": {"x": 1}}',
)


@pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
def test_a_foreign_cursor_has_expired(cursor: str) -> None:
    with pytest.raises(CursorExpired):
        Mark.parse(Cursor(cursor))


def test_a_mark_never_goes_back() -> None:
    chance = random.Random(1)
    mark = Mark(NOON)
    for _ in range(200):
        later = mark.past([(chance.randrange(9), NOON + timedelta(seconds=chance.randrange(900)))])
        assert later.at >= mark.at
        mark = later
