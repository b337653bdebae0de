"""From leaves to a Message: which text is the ticket's, what is marked, who asked."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime

import pytest

from smartticket_connectors.mail import isolated
from smartticket_connectors.mail.content import read_content
from smartticket_connectors.mail.headers import fingerprint_of
from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import Part, split
from smartticket_daemon.domain import Message
from smartticket_daemon.errors import RejectedError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TOP = b"From: Ann <ann@example.org>\nMessage-ID: <1@x>\nSubject: Help\nMIME-Version: 1.0\n"


def read(raw: bytes) -> Message:
    block, parts, defects = split(raw)
    return message_from("box", "7", block, parts, size=len(raw), received=NOW, defects=defects)


def multipart(kind: str, *sections: bytes, more: str = "") -> bytes:
    top = TOP + f"Content-Type: multipart/{kind}; boundary=b{more}\n\n".encode()
    return top + b"".join(b"--b\n" + section + b"\n" for section in sections) + b"--b--\n"


PLAIN = b"Content-Type: text/plain; charset=utf-8\n\nThe printer is on fire, please help."
HTML = b"Content-Type: text/html\n\n<p>The <b>printer</b> burns brightly.</p>"


def test_plain_mail() -> None:
    message = read(TOP + b"\nMy order is late.\n\n-- \nAnn\n")
    assert (message.subject, message.body) == ("Help", "My order is late.")
    assert (message.requester.name, message.requester.address) == ("Ann", "ann@example.org")
    assert message.ref.message == fingerprint_of(b"1@x")
    assert message.ref.position == "7"
    assert message.created == NOW


def test_answer_goes_to_reply_to_and_name_stays() -> None:
    message = read(b"Reply-To: desk@example.org\n" + TOP + b"\nx")
    assert (message.requester.name, message.requester.address) == ("Ann", "desk@example.org")


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ((PLAIN, HTML), "The printer is on fire, please help."),
        ((HTML,), "The printer burns brightly."),
        ((b"Content-Type: text/plain\n\n \n", HTML), "The printer burns brightly."),
        ((b"\nYour program does not support HTML mail, sorry.", HTML), "The printer burns brightly."),
        ((b"\nHi there", b"Content-Type: text/html\n\n"), "Hi there"),
        ((HTML, b"\n-- list footer --"), "The printer burns brightly.\n\n-- list footer --"),
        ((b"Content-Type: text/enriched\n\nrich words",), "rich words"),
    ],
)
def test_which_body(sections: tuple[bytes, ...], expected: str) -> None:
    assert read(multipart("alternative", *sections)).body == expected


def test_transfer_encodings() -> None:
    word = "größte Mühe".encode()
    coded = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
    assert read(TOP + coded + b"base64\n\n" + base64.encodebytes(word)).body == "größte Mühe"
    assert read(TOP + coded + b"base64\n\n" + base64.b64encode(word).rstrip(b"=")).body == "größte Mühe"
    assert read(TOP + coded + b"Quoted-Printable\n\ngr=C3=B6=\n=C3=9Fte M=C3=BChe").body == "größte Mühe"
    assert read(TOP + coded + b"8bit\n\n" + word).body == "größte Mühe"


def test_attachments_are_names_only() -> None:
    note = b"Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nnot the body"
    scan = b'Content-Type: image/png; name="../../etc/sc\xc3\xa4n.png"\n\nxx'
    message = read(multipart("mixed", PLAIN, note, scan))
    assert message.body == "The printer is on fire, please help."
    assert message.files == ("a.txt", "scän.png")


def test_enclosed_mail_is_read_where_it_is_the_message() -> None:
    inner = b"Content-Type: message/rfc822\n\nSubject: Broken lamp\nFrom: c@x.org\n\nIt does not light."
    assert read(multipart("mixed", inner)).body == "Broken lamp\n\nIt does not light."
    forward = multipart("mixed", PLAIN, inner).replace(b"Subject: Help", b"Subject: Fwd: Help")
    assert read(forward).body.endswith("Broken lamp\n\nIt does not light.")
    message = read(multipart("mixed", PLAIN, inner))
    assert message.body == "The printer is on fire, please help."
    assert message.files == ("message.eml",)


def test_endless_enclosures_end() -> None:
    assert read(TOP + b"Content-Type: message/rfc822\n\n" * 1_000 + b"x").body == ""


@pytest.mark.parametrize(
    ("raw", "mark"),
    [
        (multipart("encrypted", b"Content-Type: application/pgp-encrypted\n\nVersion: 1"), "encrypted"),
        (TOP + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nAAAA", "encrypted"),
        (TOP + b"\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n", "encrypted"),
        (TOP + b"Content-Type: text/calendar; method=REQUEST\n\nSUMMARY:Talk", "calendar"),
        (TOP + b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\n", "calendar"),
        (multipart("report", PLAIN, more="; report-type=delivery-status"), "bounce"),
        (multipart("report", PLAIN, more="; report-type=disposition-notification"), "receipt"),
    ],
)
def test_marks(raw: bytes, mark: str) -> None:
    assert read(raw).marks == {mark}


def test_encrypted_text_is_not_ticket_text() -> None:
    message = read(TOP + b"\nSee:\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n")
    assert message.body == "See:"


def test_signed_text_is_read_without_its_shell() -> None:
    text = b"\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nPlease refund me.\n"
    message = read(TOP + text + b"-----BEGIN PGP SIGNATURE-----\n\niQ\n-----END PGP SIGNATURE-----\n")
    assert (message.body, message.marks) == ("Please refund me.", frozenset())
    signed = multipart("signed", PLAIN, b"Content-Type: application/pkcs7-signature\n\nAA")
    assert (read(signed).body, read(signed).marks) == ("The printer is on fire, please help.", frozenset())


@pytest.mark.parametrize("disposition", [b"", b"Content-Disposition: attachment\n"])
def test_a_calendar_that_asks_nothing_is_no_mark(disposition: bytes) -> None:
    event = b"Content-Type: text/calendar; method=PUBLISH\n" + disposition + b"\nSUMMARY:Fair\\, day 1"
    message = read(multipart("mixed", event))
    assert message.marks == frozenset()
    assert message.body == "Fair, day 1"


def tnef(*attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<BII", 1, name, len(data)) + data + b"\0\0" for name, data in attributes)
    return b"\x78\x9f\x3e\x22\x01\0" + body


def properties(kind: int, name: int, data: bytes) -> bytes:
    head = struct.pack("<I", 3) + struct.pack("<HHI", 0x0003, 0x0017, 1)
    named = struct.pack("<HH", 0x0003, 0x8001) + b"g" * 16 + struct.pack("<III", 0, 5, 9)
    return head + named + struct.pack("<HHII", kind, name, 1, len(data)) + data + b"\0" * (-len(data) % 4)


@pytest.mark.parametrize(
    "data",
    [
        tnef((0x00069007, struct.pack("<II", 1252, 0)), (0x0002800C, b"Too late, \xfcber all\0")),
        tnef((0x00069003, properties(0x001F, 0x1000, "Too late, über all\0".encode("utf-16-le")))),
        tnef((0x00069003, properties(0x0102, 0x1013, "<p>Too late, über all</p>".encode()))),
    ],
)
def test_tnef_body(data: bytes) -> None:
    top = TOP + b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"
    assert read(top + base64.encodebytes(data)).body == "Too late, über all"
    for cut in range(0, len(data), 3):
        read(top + base64.encodebytes(data[:cut]))


def test_only_headers_that_tell_machines_are_kept() -> None:
    extra = b"X-SmartTicket-Key: abc\nX-Spam-Flag: YES\nAuto-Submitted: auto-replied\nReceived: secret\n"
    assert dict(read(extra + TOP + b"\nx").headers) == {
        "auto-submitted": "auto-replied",
        "from": "ann@example.org",
    }


def test_what_the_connector_knows_comes_through() -> None:
    block, parts, _ = split(TOP + b"\nx")
    message = message_from(
        "box",
        "1",
        block,
        parts,
        size=1,
        received=NOW,
        tags=frozenset(("a",)),
        answered=True,
        marks=frozenset(("draft",)),
        defects=("cut", "cut"),
    )
    assert (message.tags, message.marks) == (frozenset(("a",)), frozenset(("draft",)))
    assert message.answered
    assert message.defects == ("cut",)


def heavy() -> list[Part]:
    return [
        Part("text/plain", b"A long story. " * 30_000, filename=""),
        Part("image/png", b"", filename="a.png"),
    ]


def test_heavy_mail_is_read_in_a_process_of_its_own() -> None:
    assert isolated.is_heavy(heavy())
    assert not isolated.is_heavy([Part("text/plain", b"short")])
    assert isolated.read_content("x", heavy()) == read_content("x", heavy())


def test_a_reader_that_takes_too_long_is_ended() -> None:
    with pytest.raises(RejectedError, match="took longer"):
        isolated.read_content("x", heavy(), seconds=0.001)


def test_a_reader_that_takes_too_much_memory_is_ended() -> None:
    with pytest.raises(RejectedError, match="memory"):
        isolated.read_content("x", heavy(), memory=1024 * 1024)


def test_the_reader_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTTICKET__SOURCES__A__PASSWORD", "hunter2")
    assert "hunter2" not in str(isolated.environment())
