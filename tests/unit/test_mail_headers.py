"""Headers: encoded words, parameters, addresses, and the fingerprints that are a mail's identity."""

from __future__ import annotations

import time

import pytest

from smartticket_connectors.mail.charset import decoded
from smartticket_connectors.mail.headers import (
    Headers,
    answers,
    decode_words,
    fingerprint,
    fingerprint_of,
    identity,
    mailbox,
    parameters,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?caf=C3=A9_au_lait?=", "café au lait"),
        ("=?UTF-8?B?44GL44GN?= =?UTF-8?B?44GP?=", "かきく"),
        ("=?utf-8?B?44E=?= =?utf-8?B?iw==?=", "か"),
        ("=?iso-2022-jp?B?GyRCJCsbKEI=?=", "か"),
        ("Re: =?iso-8859-1?Q?=FCber?= all", "Re: über all"),
        ("=?utf-8*de?Q?=C3=BC?=", "ü"),
        ("=?nonsense?Q?a=FCb?=", "aüb"),
        ("=?utf-8?B?!!!?=", ""),
        ("=?utf-8?X?x?=", "=?utf-8?X?x?="),
        ("=?utf-8?Q?unclosed", "=?utf-8?Q?unclosed"),
    ],
)
def test_encoded_words(raw: str, expected: str) -> None:
    assert decode_words(raw) == expected


def test_hostile_encoded_words_are_quick() -> None:
    begun = time.perf_counter()
    Headers(b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n").decoded("subject")
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("raw", "main", "found"),
    [
        ('Text/HTML; charset="UTF-8"', "text/html", {"charset": "UTF-8"}),
        ("text/plain; charset=utf-8; format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
        ('a/b; name="x;y\\"z"', "a/b", {"name": 'x;y"z'}),
        ("a/b; filename*=utf-8''%E2%82%AC.txt", "a/b", {"filename": "€.txt"}),
        ("a/b; filename*=utf-8'de'%E2%82%AC.txt; filename=old", "a/b", {"filename": "old"}),
        ("a/b; n*0=one; n*1=two", "a/b", {"n": "onetwo"}),
        ("a/b; name==?utf-8?Q?=C3=BC?=", "a/b", {"name": "ü"}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("", "", {}),
        (";;;", "", {}),
    ],
)
def test_parameters(raw: str, main: str, found: dict[str, str]) -> None:
    assert parameters(raw) == (main, found)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Ann Example <Ann@Example.org>", ("Ann Example", "ann@example.org")),
        ('"Example, Ann" <ann@example.org>, b@x.org', ("Example, Ann", "ann@example.org")),
        ("ann@example.org", ("", "ann@example.org")),
        ("ann@example.org (Ann)", ("", "ann@example.org")),
        ("=?utf-8?Q?J=C3=B6rg?= <j@x.org>", ("Jörg", "j@x.org")),
        ('"boss@own.org" <evil@x.org>', ("boss@own.org", "evil@x.org")),
        ("boss@own.org <evil@x.org>", ("boss@own.org", "evil@x.org")),
        ("<a@b@c>", ("", "")),
        ("<>", ("", "")),
        ("nobody", ("", "")),
        ("", ("", "")),
        ("(" * 5_000, ("", "")),
        ('"' + "\\" * 5_000, ("", "")),
    ],
)
def test_mailbox(raw: str, expected: tuple[str, str]) -> None:
    assert mailbox(raw) == expected


def test_folding_and_repetition() -> None:
    headers = Headers(b"SUBJECT: one\r\n two\r\nX: a\r\nx: b\r\n\r\n")
    assert headers.get("subject") == "one two"
    assert headers.all("X") == ["a", "b"]
    assert headers.get("absent") == ""
    assert "absent" not in headers


def test_fingerprint_is_of_the_message_id() -> None:
    one = fingerprint(b"Message-ID: <a@b>\r\nSubject: x\r\n", 100)
    assert one == fingerprint(b"subject: other\nmessage-id:\n <a@b>\n", 7)
    assert one != fingerprint(b"Message-ID: <a@c>\r\nSubject: x\r\n", 100)
    assert one == fingerprint_of(b"a@b")
    assert len(one) == 32


@pytest.mark.parametrize("header", [b"", b"Message-ID:\n", b"Message-ID: <>\n", b"Message-ID: none\n"])
def test_fingerprint_without_a_message_id(header: bytes) -> None:
    fields = b"Date: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: a@x.org\nTo: b\nSubject: long\n subject\n"
    one = fingerprint(header + fields, 100)
    assert one == fingerprint(header + fields.replace(b"\n", b"\r\n"), 100)
    assert one != fingerprint(header + fields, 101)
    assert one != fingerprint(header + fields.replace(b"long", b"short"), 100)


def test_two_people_with_one_message_id_are_two_tickets() -> None:
    one = identity(b"Message-ID: <a@b>\nFrom: Ann <ann@x.org>\nSubject: x\n", 100)
    assert one == identity(b"From: ANN@x.org\r\nMessage-ID:\r\n <a@b>\r\n", 7)
    assert one != identity(b"Message-ID: <a@b>\nFrom: bob@x.org\n", 100)
    through_a_form = b"Message-ID: <a@b>\nFrom: form@shop.example\nReply-To: "
    assert identity(through_a_form + b"bob@x.org\n", 0) != identity(through_a_form + b"eve@x.org\n", 0)


def test_a_list_that_rewrites_the_sender_does_not_make_another_ticket() -> None:
    direct = b"Message-ID: <a@b>\nFrom: ann@x.org\n"
    listed = b"Message-ID: <a@b>\nFrom: Ann via List <list@y.org>\nReply-To: ann@x.org\n"
    assert identity(direct, 10) == identity(listed, 20)


def test_without_a_message_id_the_fingerprint_is_the_identity() -> None:
    header = b"From: ann@x.org\nSubject: x\n"
    assert identity(header, 10) == fingerprint(header, 10)


def test_answers_nearest_first() -> None:
    block = b"In-Reply-To: <c@x>\nReferences: <a@x>\n <b@x> <c@x>\n"
    assert answers(block) == tuple(fingerprint_of(i) for i in (b"c@x", b"b@x", b"a@x"))
    assert answers(b"Subject: x\n") == ()
    assert len(answers(b"References: " + b" ".join(b"<%d@x>" % n for n in range(900)))) == 50


@pytest.mark.parametrize(
    ("data", "charset", "text", "wrong"),
    [
        ("größe".encode("latin-1"), "iso-8859-1", "größe", False),
        (b"price \x80 5", "iso-8859-1", "price € 5", False),
        ("größe".encode(), "us-ascii", "größe", True),
        ("größe".encode(), "no-such-charset", "größe", True),
        ("größe".encode(), "", "größe", False),
        ("汉字测试".encode("gbk"), "gb2312", "汉字测试", False),
        ("한국어".encode("cp949"), "ks_c_5601-1987", "한국어", False),
        ("かきく".encode("iso2022_jp"), "ISO-2022-JP", "かきく", False),
        ("größe".encode("utf-7"), "utf-7", "größe", False),
        (b"plain", "utf-16", "plain", False),
        ("x".encode("utf-16"), "utf-16", "x", False),
        (b"abc", "rot13", "abc", False),
        (b"abc-", "punycode", "abc-", False),
        (b"\\u0041", "unicode_escape", "\\u0041", False),
        ("é".encode() * 150 + b"\xc3", "utf-8", "é" * 150 + "\ufffd", False),
    ],
)
def test_charsets(data: bytes, charset: str, text: str, wrong: bool) -> None:
    assert decoded(data, charset) == (text, wrong)


def test_noise_is_text_too() -> None:
    text, wrong = decoded(bytes(range(128, 256)) * 100, "nonsense")
    assert text
    assert wrong
