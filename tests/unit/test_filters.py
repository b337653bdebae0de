"""Reasons to leave a message alone: each one, their order, and what forged headers can and cannot do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import split
from smartticket_daemon.domain import Author, Message, MessageRef, Requester, Status
from smartticket_daemon.filters import FilterRules, normal_address, reason_to_skip

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RULES = FilterRules(
    category_tags=frozenset(("category__billing", "category__unsure")),
    own_addresses=frozenset(("support@example.com",)),
    triage_replies=False,
    max_age=timedelta(days=7),
    start=NOW - timedelta(days=30),
    now=NOW,
    known_threads=frozenset(("known",)),
)
PLAIN = Message(
    ref=MessageRef("s", "t", "m"),
    subject="My order",
    body="It did not arrive.",
    created=NOW,
    requester=Requester("Ann", "ann@example.org"),
)


def mail(*headers: str, content: str = "text/plain", subject: str = "My order") -> Message:
    lines = [f"Content-Type: {content}", f"Subject: {subject}", *headers]
    if not any(line.startswith("From:") for line in lines):
        lines.append("From: Ann <ann@example.org>")
    raw = "\n".join(lines).encode() + b"\n\nIt did not arrive.\n"
    block, parts, _ = split(raw)
    return message_from("s", "1", block, parts, size=len(raw), received=NOW)


def test_a_customers_message_is_triaged() -> None:
    assert reason_to_skip(PLAIN, RULES) is None
    assert reason_to_skip(mail(), RULES) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"author": Author.OURSELVES}, "own_note"),
        ({"marks": frozenset(("draft",))}, "own_note"),
        ({"author": Author.AGENT}, "agent"),
        ({"status": Status.DELETED}, "deleted"),
        ({"status": Status.MERGED}, "merged"),
        ({"status": Status.SPAM}, "spam"),
        ({"status": Status.CLOSED}, "closed"),
        ({"status": Status.SOLVED}, "solved"),
        ({"created": NOW - timedelta(days=31)}, "before_start"),
        ({"created": NOW - timedelta(days=8)}, "too_old"),
        ({"tags": frozenset(("category__billing",))}, "human_decided"),
        ({"tags": frozenset(("category__unsure",))}, "human_decided"),
        ({"group": "Billing"}, "human_decided"),
        ({"answered": True}, "answered"),
        ({"requester": Requester("", "Support+x@Example.com")}, "own_address"),
        ({"requester": Requester("", "MAILER-DAEMON@mx.example.org")}, "bounce"),
        ({"requester": Requester("", "no-reply@shop.example")}, "auto_reply"),
        ({"requester": Requester("", "do_not_reply@shop.example")}, "auto_reply"),
        ({"marks": frozenset(("bounce",))}, "bounce"),
        ({"marks": frozenset(("calendar",))}, "auto_reply"),
        ({"follow_up": True}, "follow_up"),
        ({"answers": ("unknown", "known")}, "follow_up"),
        ({"subject": " ", "body": "\n"}, "empty"),
        ({"subject": "", "body": "", "files": ("scan.pdf",)}, None),
        ({"subject": "", "body": "", "marks": frozenset(("encrypted",))}, None),
        ({"tags": frozenset(("vip",))}, None),
        ({"answers": ("unknown",)}, None),
        ({"requester": Requester()}, None),
    ],
)
def test_reasons(change: dict[str, object], reason: str | None) -> None:
    assert reason_to_skip(replace(PLAIN, **change), RULES) == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (["Auto-Submitted: auto-replied"], "auto_reply"),
        (["Auto-Submitted: Auto-Generated; owner-email=x"], "auto_reply"),
        (["Auto-Submitted: no"], None),
        (["Auto-Submitted: No (really)"], None),
        (["X-Autoreply: yes"], "auto_reply"),
        (["X-Autoreply: no"], None),
        (["X-FC-MachineGenerated: true"], "auto_reply"),
        (["Precedence: auto_reply"], "auto_reply"),
        (["X-Auto-Response-Suppress: All"], None),
        (["Precedence: bulk"], "list"),
        (["Precedence: first-class"], None),
        (["List-Id: <news.shop.example>"], "list"),
        (["List-Unsubscribe: <mailto:x@shop.example>"], "list"),
        (["List-Id: <support.example.com>", "List-Post: <mailto:support@example.com>"], None),
        (["Return-Path: <>"], "bounce"),
        (["Return-Path: <ann@example.org>"], None),
        (["X-Failed-Recipients: a@x.org"], "bounce"),
        (["From: Mail System <MAILER-DAEMON@mx.example.org>"], "bounce"),
        (["From: noreply@form.example"], None),
        (["From: support@example.com"], "own_address"),
        (["From: support@example.com", "Reply-To: ann@example.org"], None),
        (["From: ann@example.org", "Reply-To: support@example.com"], None),
        (["Return-Path: <>", "Auto-Submitted: auto-replied"], "auto_reply"),
    ],
)
def test_mail_headers(headers: list[str], reason: str | None) -> None:
    assert reason_to_skip(mail(*headers), RULES) == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("multipart/report; report-type=delivery-status; boundary=b", "bounce"),
        ("multipart/report; report-type=disposition-notification; boundary=b", "auto_reply"),
        ("text/calendar; method=REQUEST", "auto_reply"),
        ("text/calendar; method=PUBLISH", None),
        ("multipart/encrypted; boundary=b", None),
    ],
)
def test_kinds_of_mail(content: str, reason: str | None) -> None:
    assert reason_to_skip(mail(content=content), RULES) == reason


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office",
        "Out of Office: Re: your ticket",
        "Automatic reply: your ticket",
        "Auto-Reply: x",
        "Abwesenheitsnotiz: Ihre Anfrage",
        "Automatische Antwort: Ihre Anfrage",
        "Réponse automatique : votre demande",
        "Absence du bureau",
        "Respuesta automática: su consulta",
        "Fuera de la oficina hasta el lunes",
        "Resposta automática: pedido",
        "Risposta automatica: richiesta",
        "Fuori sede - torno lunedì",
        "Automatisch antwoord: uw vraag",
        "Afwezigheidsbericht: uw vraag",
    ],
)
def test_subjects_of_automatic_replies(subject: str) -> None:
    assert reason_to_skip(replace(PLAIN, subject=subject), RULES) == "auto_reply"
    assert reason_to_skip(mail(subject=subject), RULES) == "auto_reply"


@pytest.mark.parametrize("subject", ["Undeliverable: hi", "Mail delivery failed", "Unzustellbar: hallo"])
def test_subjects_of_bounces(subject: str) -> None:
    assert reason_to_skip(replace(PLAIN, subject=subject), RULES) == "bounce"


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office hours support?",
        "Automatic reply does not work in your app",
        "Delivery failure: my parcel",
        "Undeliverable parcel, please help",
        "Automatische Antworten einrichten",
        "Im Urlaub: Lieferung verschieben",
        "Auto: Schaden melden",
        "No entregado: pedido 123",
        "Réponse à votre mail",
    ],
)
def test_subjects_that_customers_write(subject: str) -> None:
    assert reason_to_skip(replace(PLAIN, subject=subject), RULES) is None


def test_replies_are_triaged_where_asked() -> None:
    rules = replace(RULES, triage_replies=True)
    assert reason_to_skip(replace(PLAIN, answers=("known",), follow_up=True), rules) is None


def test_no_bounds_in_backfill() -> None:
    rules = replace(RULES, max_age=None, start=None)
    assert reason_to_skip(replace(PLAIN, created=NOW - timedelta(days=4_000)), rules) is None


def test_the_most_certain_reason_comes_first() -> None:
    message = mail("Return-Path: <>", "Precedence: bulk", "In-Reply-To: <x@y>")
    assert reason_to_skip(message, RULES) == "bounce"
    assert reason_to_skip(replace(message, answered=True), RULES) == "answered"
    assert reason_to_skip(replace(message, answered=True, status=Status.CLOSED), RULES) == "closed"
    assert reason_to_skip(replace(message, author=Author.AGENT, status=Status.CLOSED), RULES) == "agent"


@pytest.mark.parametrize(
    "header",
    [
        "X-SmartTicket-Key: 0123456789abcdef0123456789abcdef",
        "Message-ID: <0123456789abcdef0123456789abcdef@draft.smartticket.invalid>",
        "In-Reply-To: <never-seen@example.com>",
        "X-Spam-Flag: YES",
        "X-Spam-Status: Yes, score=99",
        "Authentication-Results: mx.example.com; dkim=pass",
        "X-MS-Exchange-Organization-AuthAs: Internal",
        "Sender: support@example.com",
        "X-Original-From: support@example.com",
        'From: "support@example.com" <ann@example.org>',
    ],
)
def test_a_forged_header_makes_nobody_an_agent_and_nothing_done(header: str) -> None:
    message = mail(header)
    assert message.author is Author.REQUESTER
    assert not any((message.answered, message.follow_up, message.tags, message.marks))
    assert reason_to_skip(message, RULES) is None


def test_no_header_brings_back_what_the_source_excludes() -> None:
    friendly = mail("Auto-Submitted: no", "Precedence: first-class", "Return-Path: <ann@example.org>")
    for reason, message in (
        ("agent", replace(friendly, author=Author.AGENT)),
        ("closed", replace(friendly, status=Status.CLOSED)),
        ("human_decided", replace(friendly, group="Billing")),
        ("answered", replace(friendly, answered=True)),
        ("follow_up", replace(friendly, answers=("known",))),
    ):
        assert reason_to_skip(message, RULES) == reason


def test_normal_address() -> None:
    assert normal_address(" Support+VIP@Example.COM. ") == "support@example.com"
