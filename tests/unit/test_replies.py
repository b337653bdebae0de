"""Reply templates: the shipped ones serve, hostile values stay values, broken ones are refused."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartticket_daemon.domain import Message, MessageRef, Requester
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.names import first_name
from smartticket_daemon.replies import PLACEHOLDERS, Replies, values

SHIPPED = Path(__file__).resolve().parents[2] / "config/smartticket_config/replies"
CATEGORIES = (
    "billing",
    "technical_issue",
    "feature_request",
    "account_access",
    "refund_cancellation",
    "order_delivery",
    "complaint_feedback",
    "general_question",
)
LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "nl")
EVERY = [(category, language) for category in CATEGORIES for language in LANGUAGES]


def message(name: str = "", subject: str = "", number: str = "") -> Message:
    return Message(
        ref=MessageRef("support", "t", "m"),
        subject=subject,
        body="",
        created=datetime(2026, 1, 5, tzinfo=UTC),
        requester=Requester(name=name),
        number=number,
    )


@pytest.fixture(scope="module")
def replies() -> Replies:
    return Replies([SHIPPED])


def own(folder: Path, text: str | bytes, name: str = "en/billing.txt") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(("category", "language"), EVERY)
def test_every_shipped_reply_reads_well_with_nothing_known(
    replies: Replies, category: str, language: str
) -> None:
    note = replies.note(category, language, message())
    assert note.name == f"{category}.{language}"
    assert 60 <= len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", note.body)) <= 125
    assert not re.search(r" ,|  |\(\)|“”|„“|«\s*»|‘’|[{}%]|\n\n\n", note.body)
    assert note.body.endswith("\n")
    assert not note.body.endswith("\n\n")


@pytest.mark.parametrize(("category", "language"), EVERY)
def test_every_shipped_reply_uses_what_is_known(replies: Replies, category: str, language: str) -> None:
    body = replies.note(category, language, message("Jane Doe", "Broken kettle", "#4711")).body
    assert "Jane" in body.splitlines()[0]
    assert "Doe" not in body
    assert body.splitlines()[-1].endswith("#4711")


@pytest.mark.parametrize(("category", "language"), EVERY)
def test_no_shipped_reply_promises_a_time_or_an_amount(
    replies: Replies, category: str, language: str
) -> None:
    body = replies.note(category, language, message()).body
    assert not re.search(r"\d|%|€|\$|£", body)
    brackets = re.findall(r"\[.*?\]", body)
    assert len(brackets) == (1 if category == "general_question" else 0)


HOSTILE = (
    "{{ 7*7 }}",
    "{% raw %}{% endraw %}{{ subject }}",
    "{{ ''.__class__.__mro__ }}",
    "{% for i in range(9) %}x{% endfor %}",
    "Jane\r\nBcc: everyone@example.org",
    "Jane\nX-Header: 1",
    "a\x00b\x07c\x1b[2Jd\x9b31me",
    "one\u2028two\u2029three\x85four\x0bfive\x0csix",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "\udc80\udcff lone surrogates",
    "x" * 100_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_shown_on_one_line_and_never_evaluated(tmp_path: Path, text: str) -> None:
    folder = own(tmp_path, "<{{ first_name }}|{{ subject }}|{{ ticket }}>")
    body = Replies([folder]).note("billing", "en", message(text, text, text)).body
    shown = values(message(text, text, text))
    assert body == f"<{shown['first_name']}|{shown['subject']}|{shown['ticket']}>\n"
    assert len(body.splitlines()) == 1
    assert body.rstrip("\n").isprintable()
    assert "49" not in body
    assert len(body) < 700
    body.encode("utf-8")
    if "{" in text:
        assert text in body


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_do_not_change_the_lines_of_a_shipped_reply(replies: Replies, text: str) -> None:
    plain = replies.note("general_question", "en", message("", "x", "x")).body
    body = replies.note("general_question", "en", message(text, text, text)).body
    assert len(body.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize(
    ("text", "line", "names"),
    [
        ("Hello\n{{ password }}", 2, "password"),
        ("Hello {{ first_name", 1, "not a usable"),
        ("a\nb\n{% if subject %}", 3, "not a usable"),
        ("{{ subject.__class__ }}", 1, "Getattr"),
        ("\n{% if ticket %}{{ ticket['__class__'] }}{% endif %}", 2, "Getitem"),
        ("{{ subject.format() }}", 1, "Call"),
        ("{{ ''|attr('__class__') }}", 1, "attr"),
        ("{{ subject|nonesuch }}", 1, "nonesuch"),
        ("{% include '/etc/hostname' %}", 1, "Include"),
        ("{% for i in range(3) %}{% endfor %}", 1, "For"),
        ("\n\n{{ lipsum }}", 3, "lipsum"),
        ("{{ 'x' * 9 }}", 1, "Mul"),
        ("{% set subject = 'x' %}", 1, "Assign"),
    ],
)
def test_an_operators_unusable_template_is_refused_with_file_and_line(
    tmp_path: Path, text: str, line: int, names: str
) -> None:
    folder = own(tmp_path, text)
    with pytest.raises(ConfigurationError) as refused:
        Replies([SHIPPED, folder])
    assert f"{folder / 'en' / 'billing.txt'}, line {line}: " in str(refused.value)
    assert names in str(refused.value)


@pytest.mark.parametrize("text", [b"caf\xe9", b"{{ subject|truncate('x') }}", b"{{ subject < 3 }}"])
def test_a_template_that_fails_only_when_read_or_rendered_is_refused_too(tmp_path: Path, text: bytes) -> None:
    folder = own(tmp_path, text)
    with pytest.raises(ConfigurationError, match=r"billing\.txt"):
        Replies([folder])


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        Replies([tmp_path / "nowhere"])


def test_every_placeholder_and_filter_of_the_allow_list_works(tmp_path: Path) -> None:
    text = (
        "{{ first_name|upper }} {{ subject|truncate(8) }} {{ ticket|default('-', true) }}"
        "{% if not ticket and subject == 'Long subject here' %} yes{% elif ticket %} no{% endif %}"
    )
    body = Replies([own(tmp_path, text)]).note("billing", "en", message("Jane D", "Long subject here")).body
    assert body == "JANE Long... - yes\n"
    assert {"first_name", "subject", "ticket"} == PLACEHOLDERS


def test_a_language_without_a_template_is_served_in_english(replies: Replies) -> None:
    assert replies.note("billing", "pl", message()).name == "billing.en"
    assert replies.note("billing", "", message()).name == "billing.en"


def test_an_operators_template_wins_and_the_others_stay(tmp_path: Path) -> None:
    both = Replies([SHIPPED, own(tmp_path, "Ours, {{ first_name }}.", "de/billing.txt")])
    assert both.note("billing", "de", message("Jane Doe")).body == "Ours, Jane.\n"
    assert both.note("billing", "en", message()).body != "Ours, .\n"


def test_missing_names_the_categories_without_an_english_reply(tmp_path: Path) -> None:
    assert Replies([SHIPPED]).missing(CATEGORIES) == []
    assert Replies([own(tmp_path, "x", "de/billing.txt")]).missing(["billing"]) == ["billing"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jane Doe", "Jane"),
        ("Jane", "Jane"),
        ("jane doe", "Jane"),
        ("jean-pierre martin", "Jean-Pierre"),
        ("Doe, Jane", "Jane"),
        ('"Doe, Jane"', "Jane"),
        ("Doe, Jane (Purchasing)", ""),
        ("Doe, Jane (Berlin)", "Jane"),
        ("Jane Doe, PhD", "Jane"),
        ("Jane Doe, MD, MBA", "Jane"),
        ("Dr. Jane Doe", "Jane"),
        ("Prof. Dr. Jane Doe", "Jane"),
        ("Doe, Dr. Jane", "Jane"),
        ("Dr. Jane", ""),
        ("Mr. Doe", ""),
        ("Frau Müller", ""),
        ("DUPONT Marie", "Marie"),
        ("Marie DUPONT", "Marie"),
        ("JANE DOE", ""),
        ("janedoe", ""),
        ("jane.doe", ""),
        ("J. Doe", ""),
        ("J Doe", ""),
        ("jane@example.org", ""),
        ("'jane@example.org'", ""),
        ("Jane <jane@example.org>", ""),
        ("ACME Corp 24", ""),
        ("ACME, Inc.", ""),
        ("Müller & Söhne", ""),
        ("Example GmbH", ""),
        ("Support Team", ""),
        ("no-reply", ""),
        ("Jane42", ""),
        ("Zoë Example", "Zoë"),
        ("Zoe\u0308 Example", "Zoë"),
        ("Łukasz Nowak", "Łukasz"),
        ("D'Angelo Example", "D'Angelo"),
        ("Ángel García", "Ángel"),
        ("Ольга Петрова", "Ольга"),
        ("محمد علي", "محمد"),
        ("प्रिया शर्मा", "प्रिया"),
        ("田中 太郎", ""),
        ("김민수", ""),
        ("🌸 Jane", ""),
        ("Jane 🌸", "Jane"),
        ("-Jane Doe", ""),
        ("{{first_name}}", ""),
        ("x" * 31 + " Doe", ""),
        ("Dr.", ""),
        (",", ""),
        (" , , ", ""),
        ("", ""),
        ("   ", ""),
    ],
)
def test_first_name(name: str, expected: str) -> None:
    assert first_name(name) == expected
