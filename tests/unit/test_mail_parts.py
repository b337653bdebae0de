"""Splitting raw mail: leaves in order, every cap, and something to read of whatever is broken."""

from __future__ import annotations

import pytest

from smartticket_connectors.mail.parts import (
    MAX_BOUNDARY_LINES,
    MAX_DATA,
    MAX_DEPTH,
    MAX_PARTS,
    MAX_RAW,
    MAX_TOTAL,
    split,
)

MIXED = b"""\
Subject: x
Content-Type: multipart/mixed; boundary="out er"

preamble
--out er
Content-Type: multipart/alternative; boundary=in

--in
Content-Type: text/plain; charset=utf-8

plain
--in
Content-Type: text/html

<p>html</p>
--in--
--out er
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename="b.pdf"
Content-Transfer-Encoding: BASE64

AAAA
--out er--
epilogue
"""


@pytest.mark.parametrize("raw", [MIXED, MIXED.replace(b"\n", b"\r\n")], ids=["LF", "CRLF"])
def test_leaves_in_order(raw: bytes) -> None:
    block, parts, defects = split(raw)
    assert block.startswith(b"Subject: x")
    assert b"preamble" not in block
    assert [part.content_type for part in parts] == ["text/plain", "text/html", "application/pdf"]
    assert parts[0].data == b"plain"
    assert parts[0].charset == "utf-8"
    assert parts[1].data == b"<p>html</p>"
    assert (parts[2].data, parts[2].filename, parts[2].disposition) == (b"", "b.pdf", "attachment")
    assert parts[2].encoding == "base64"
    assert defects == ()


@pytest.mark.parametrize(
    ("raw", "defect", "text"),
    [
        (b"Subject: x\nno blank line, says hello\n", "no_blank_line", b"hello"),
        (b"Content-Type: multipart/mixed\n\nhello", "no_boundary", b"hello"),
        (b"Content-Type: multipart/mixed; boundary=a\n\nhello", "boundary_not_found", b"hello"),
        (b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhello", "not_closed", b"hello"),
        (b"X: " + b"y" * 300_000 + b"\n\nhello", "long_headers", b"hello"),
        (b"", "", b""),
        (b"\n\nhello", "", b"hello"),
        (b"From a@x.org Mon Jan 1\nSubject: x\n\nhello", "", b"hello"),
        (b"Content-Type: nonsense\n\nhello", "", b"hello"),
        (b"\xff\xfe: x\n\nhello", "no_blank_line", b"hello"),
    ],
)
def test_broken_structure_still_reads(raw: bytes, defect: str, text: bytes) -> None:
    _, parts, defects = split(raw)
    assert text in b"".join(part.data for part in parts)
    assert defects == ((defect,) if defect else ())


def test_number_of_parts_is_capped() -> None:
    _, parts, defects = split(b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 100_000)
    assert len(parts) == MAX_PARTS
    assert "too_many_parts" in defects


def test_look_alikes_of_boundaries_are_capped() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n" + b"--ab\n" * (2 * MAX_BOUNDARY_LINES)
    _, parts, defects = split(raw)
    assert len(parts) == 1
    assert "too_many_parts" in defects


def test_depth_is_capped() -> None:
    def nested(depth: int) -> bytes:
        heads = (b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
        return b"".join(heads) + b"\ndeep"

    assert split(nested(MAX_DEPTH))[1][0].data == b"deep"
    _, parts, defects = split(nested(2_000))
    assert parts == ()
    assert "too_deep" in defects


def test_data_is_capped_by_leaf_and_in_all() -> None:
    leaf = b"--a\nContent-Type: text/plain\n\n" + b"x" * (2 * MAX_DATA) + b"\n"
    _, parts, defects = split(b"Content-Type: multipart/mixed; boundary=a\n\n" + leaf * 7 + b"--a--")
    assert all(len(part.data) <= MAX_DATA and part.cut for part in parts)
    assert sum(len(part.data) for part in parts) == MAX_TOTAL
    assert defects == ("cut",)


def test_what_lies_beyond_the_raw_cap_is_not_read() -> None:
    raw = MIXED.replace(b"--out er--", b"y" * MAX_RAW + b"\n--out er\n\nlate\n--out er--")
    _, parts, defects = split(raw)
    assert [part.content_type for part in parts] == ["text/plain", "text/html", "application/pdf"]
    assert "cut" in defects


def test_digest_holds_mails() -> None:
    _, parts, _ = split(b"Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: s\n\nb\n--a--")
    assert [part.content_type for part in parts] == ["message/rfc822"]
