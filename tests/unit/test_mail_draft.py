"""Drafts: one recipient, threaded, marked, and nothing of the customer's becomes a header."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from smartticket_connectors.mail.draft import KEY_HEADER, build_draft, draft_id
from smartticket_connectors.mail.headers import answers, fingerprint
from smartticket_daemon.domain import Key, Note

KEY = Key("0123456789abcdef" * 2)
HEADER = (
    b"From: Ann <ann@example.org>\r\nSubject: My order\r\nMessage-ID: <3@x.org>\r\n"
    b"References: <1@x.org>\r\n <2@x.org>\r\nCc: boss@example.org\r\n"
)


def draft(header: bytes = HEADER, body: str = "Hello Ann,\n\nwe look into it.\n") -> EmailMessage:
    raw = build_draft(header, Note(body, "billing.en"), KEY, "support@example.com")
    assert len(raw) <= 64 * 1024
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def test_draft() -> None:
    message = draft()
    assert message["To"] == "ann@example.org"
    assert message["From"] == "support@example.com"
    assert message["Subject"] == "Re: My order"
    assert message["In-Reply-To"] == "<3@x.org>"
    assert message["References"].split() == ["<1@x.org>", "<2@x.org>", "<3@x.org>"]
    assert message["Message-ID"] == draft_id(KEY)
    assert message[KEY_HEADER] == KEY
    assert "Cc" not in message
    assert "Auto-Submitted" not in message
    assert message.get_content().replace("\r\n", "\n") == "Hello Ann,\n\nwe look into it.\n"


def test_same_on_every_attempt() -> None:
    note = Note("x", "n")
    assert build_draft(HEADER, note, KEY, "a@b.c") == build_draft(HEADER, note, KEY, "a@b.c")


def test_what_is_for_agents_alone_is_never_in_a_draft() -> None:
    told = Note("Hello.\n", "billing.en", ("charged twice", "invoice"))
    assert "charged twice" in told.internal
    assert build_draft(HEADER, told, KEY, "a@b.c") == build_draft(HEADER, replace(told, why=()), KEY, "a@b.c")


def test_an_answer_to_our_draft_names_it() -> None:
    reply = b"In-Reply-To: " + draft_id(KEY).encode() + b"\n"
    assert answers(reply) == (fingerprint(b"Message-ID: " + draft_id(KEY).encode(), 0),)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"Re: Re: AW: My order", "Re: My order"),
        (b"RE[2]: My order", "Re: My order"),
        (b"Regarding my order", "Re: Regarding my order"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Re: Grüße"),
        (b"=?utf-8?Q?x=0D=0ABcc:_evil@x.org?=", "Re: x Bcc: evil@x.org"),
        (b"=?utf-8?Q?=3D=3Futf-8=3FQ=3F=0A=3F=3D?=", "Re: =?utf-8?Q? ?="),
        (b"", "Re:"),
    ],
)
def test_subject(subject: bytes, expected: str) -> None:
    message = draft(HEADER.replace(b"My order", subject))
    assert message["Subject"] == expected
    assert "Bcc" not in message


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Reply-To: desk@example.org\r\n", "desk@example.org"),
        (b"Reply-To: a@example.org, b@example.org\r\n", "a@example.org"),
        (b"Reply-To: not an address\r\n", "ann@example.org"),
        (b'Reply-To: "x\\"\r\n Bcc: y" <a@example.org>\r\n', "a@example.org"),
        (b"Reply-To: <a@example.org\r\n >\r\n", "a@example.org"),
        (b"Reply-To: a@ex\x00ample.org\r\n", "ann@example.org"),
    ],
)
def test_one_recipient(field: bytes, expected: str) -> None:
    message = draft(field + HEADER)
    assert message["To"] == expected
    assert "Bcc" not in message


def test_no_recipient_rather_than_a_wrong_one() -> None:
    assert "To" not in draft(b"Subject: x\r\n")


def test_hostile_references_are_left_out_and_capped() -> None:
    many = b"".join(b"<%d@x.org>\r\n " % n for n in range(5_000))
    header = b"Message-ID: <a b@x>\r\nReferences: <x\ry@z> <\xff@z> " + many + b"\r\n"
    found = draft(header)["References"].split()
    assert found[0] == "<0@x.org>"
    assert len(found) == 20


@pytest.mark.parametrize("text", ["x" * 200_000, "汉字" * 100_000, "ü\n" * 100_000, "", "=\r\n.\rlast\x85"])
def test_size_and_lines(text: str) -> None:
    message = draft(body=text)
    assert all(len(line) <= 998 for line in message.as_bytes().splitlines())
