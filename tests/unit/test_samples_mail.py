"""Figures on third-party samples, and a seeded campaign of hostile mails."""

from __future__ import annotations

import email
from collections import Counter
from collections.abc import Iterator
from email.message import Message as StandardMessage
from pathlib import Path

import pytest

from bench.mail_fuzz import NOW, RULES, Report, built_mails, make_mails, read, sample_mails
from smartticket_connectors.mail.content import read_content
from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import Part, split
from smartticket_daemon.domain import Message
from smartticket_daemon.filters import reason_to_skip
from smartticket_daemon.quotes import without_history
from smartticket_daemon.text import clean, from_html
from tests.samples import samples

BROKEN_STRUCTURE = {"boundary_not_found", "no_boundary"}


def message(path: Path) -> Message:
    raw = path.read_bytes()
    block, parts, defects = split(raw)
    return message_from("s", path.name, block, parts, size=len(raw), received=NOW, defects=defects)


def words(text: str) -> str:
    return "".join(text.split())


def test_standard_replies() -> None:
    folder = samples("recordings", "email", "talon", "tests", "fixtures", "standard_replies")
    for path in sorted(folder.glob("*.eml")):
        expected = path.with_name(f"{path.stem}_reply_text")
        text = expected.read_text("utf-8") if expected.exists() else "Hello"
        part = next(p for p in split(path.read_bytes())[1] if p.content_type == "text/plain")
        assert words(without_history(plain(part))) == words(text), path.name
        assert message(path).body == "Hello", path.name


def plain(part: Part) -> str:
    """The text of a part with signature and history still there: a forward keeps both but the signature."""
    data = email.message_from_bytes(
        f"Content-Transfer-Encoding: {part.encoding}\n\n".encode() + part.data
    ).get_payload(decode=True)
    assert isinstance(data, bytes)
    return clean(data.decode(part.charset or "ascii", "replace"))


def test_html_replies() -> None:
    folder = samples("recordings", "email", "talon", "tests", "fixtures", "html_replies")
    for path in sorted(folder.glob("*.html")):
        text = without_history(from_html(path.read_bytes().decode("utf-8", "replace")))
        assert words(text) == words("Hi. I am fine. Thanks, Alex"), path.name


@pytest.mark.parametrize(
    ("name", "begins", "ends"),
    [
        ("correct_sig", "this is an email", "signature."),
        ("email_1_2", "Hi,", "riak-users_lists.basho.com"),
        ("email_1_3", "Oh thanks.", "riak-users_lists.basho.com"),
        ("email_1_4", "Awesome!", "problem with it."),
        ("email_1_5", "One: Here's", "for a while."),
        ("email_1_6", "I get proper", "as well."),
        ("email_1_7", ":+1:", ":+1:"),
        ("email_1_8", "I will reply under this one", "and under this."),
        ("email_2_1", "Outlook with a reply", "a reply"),
        ("email_2_2", "Outlook with a reply", "above line"),
        ("email_2_3", "Outlook with a reply", "above line"),
        ("email_BlackBerry", "Here is", "another email"),
        ("email_bullets", "test 2", "and another"),
        ("email_iPhone", "Here is", "another email"),
        ("email_multi_word_sent_from_my_mobile_device", "Here is", "another email"),
        ("email_one_is_not_on", "Thank, this", "when I run..."),
        ("email_sent_from_my_not_signature", "Here is", "my mobile phone."),
        ("email_sig_delimiter_in_middle_of_line", "Hi there!", "kthxbai"),
        ("greedy_on", "On your remote host", "is not working."),
        ("pathological", "I think you're", "to a computer."),
        ("email_1_1", "Hi folks", "riak-users_lists.basho.com"),
    ],
)
def test_plain_replies(name: str, begins: str, ends: str) -> None:
    data = samples("recordings", "email", "email_reply_parser", "test", "emails", f"{name}.txt").read_bytes()
    body = read_content("", [Part("text/plain", data, charset="utf-8")]).body
    assert body.startswith(begins)
    assert body.endswith(ends)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("apple_reply", "Foo Bar"),
        ("gmail_reply", "foo bar"),
        ("ios_mail_reply_unescaped_address", "Sounds good, I'll be there at 2."),
        (
            "yahoo_reply_unescaped_address",
            "Thanks Jane, that looks great. One question on item 2 - can we ship it before Friday? Dan",
        ),
    ],
)
def test_html_samples(name: str, expected: str) -> None:
    data = samples("recordings", "email", "quotequail", "tests", "files", f"{name}.html").read_bytes()
    assert words(read_content("", [Part("text/html", data, charset="utf-8")]).body) == words(expected)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("apple_forward", "Text of the original email"),
        ("gmail_forward", "Some text"),
        ("mailru_forward", "Это тест!"),
        ("thunderbird_forward", "This is a test."),
        ("outlook_forward", "How are you doing?"),
    ],
)
def test_forwards_keep_their_text(name: str, last: str) -> None:
    data = samples("recordings", "email", "quotequail", "tests", "files", f"{name}.html").read_bytes()
    assert last in read_content("Fwd: x", [Part("text/html", data, charset="utf-8")]).body


def test_bounces_are_recognised() -> None:
    folder = samples("recordings", "email", "sisimai", "maildir")
    bounces = Counter(reason_to_skip(message(path), RULES) for path in (folder / "bsd").iterdir())
    assert bounces["bounce"] + bounces["auto_reply"] >= 39
    assert bounces.total() == 41
    others = Counter(reason_to_skip(message(path), RULES) for path in (folder / "not").iterdir())
    assert others["bounce"] == 0


def standard_leaves(mail: StandardMessage) -> Iterator[str]:
    if mail.get_content_maintype() == "message" or not mail.is_multipart():
        yield mail.get_content_type()
        return
    for part in mail.get_payload():
        assert isinstance(part, StandardMessage)
        yield from standard_leaves(part)


def test_same_leaves_as_the_standard_library_where_the_structure_is_whole() -> None:
    folder = samples("recordings", "email")
    different = []
    for path in sorted((*folder.rglob("*.eml"), *folder.rglob("msg_*.txt"))):
        raw = path.read_bytes()
        _, parts, defects = split(raw)
        expected = list(standard_leaves(email.message_from_bytes(raw)))
        if not BROKEN_STRUCTURE.intersection(defects) and [p.content_type for p in parts] != expected:
            different.append(path.name)
    # both have two boundary lines with nothing between, which is an empty leaf here
    assert different == ["msg_37.txt", "000.eml"]


def test_every_mail_gives_text_or_says_why_not() -> None:
    for path in sorted(samples("recordings", "email", "mikel-mail").rglob("*.eml")):
        found = message(path)
        assert found.subject or found.body or found.files, path.name
        assert "\ufffd" not in found.subject + found.body, path.name


def test_hostile_mails() -> None:
    check(built_mails())


def test_samples_and_500_mutations() -> None:
    mails = sample_mails(samples("recordings", "email"))
    check((f"sample {number}", raw) for number, raw in enumerate(mails))
    check((f"mutation {number}", raw) for number, raw in enumerate(make_mails(mails, 500, seed=7)))


def check(mails: Iterator[tuple[str, bytes]]) -> None:
    """No crash, none over a second or 64 MB, and each mail always comes out the same."""
    report = Report()
    for name, raw in mails:
        report.feed(name, raw)
    assert report.crashes == []
    assert report.outcomes.total()
    assert report.outcomes["rejected"] == 0
    assert report.worst_ms < 1_000, report.slowest
    assert report.worst_mb < 64, report.largest


def test_mutations_depend_on_the_seed_alone() -> None:
    mails = [raw for _, raw in built_mails()][:3]
    assert list(make_mails(mails, 20, 1)) == list(make_mails(mails, 20, 1))
    assert list(make_mails(mails, 20, 1)) != list(make_mails(mails, 20, 2))
    assert read(b"Subject: x\n\ny") == "eligible"
