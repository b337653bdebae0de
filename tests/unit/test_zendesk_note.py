"""Whatever the reply's text holds, the note shows it and nothing in it comes to life."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartticket_connectors.zendesk.note import LONGEST, note_html
from tests.markup import Tags

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "<p onclick=x>",
    "</p><iframe src=//evil.example>", "<a href='javascript:alert(1)'>x</a>", "<!--", "-->", "<![CDATA[",
    "&lt;script&gt;", "&#60;b&#62;", "{{ticket.requester.email}}", "{%if a%}", "{{{{a}}}}", "{{%", "{\n{a}}",
    "{\u200b{a}}", "<style>",
    "{\x00{a}}", "{\x07%a%}", "${7*7}", "\x1b[31mred\x1b[0m", "\r\nX-Header: y", "\u202egnp.exe",
    "\ud800", "\ufffe", "a\x00b", "]]>", "<base href=//evil>", "<math><mi//xlink:href='data:x,y'>", "<p/<b>",
]  # fmt: skip


def assert_harmless(shown: str) -> None:
    found = Tags(shown)
    assert found.tags <= {"p", "br"}
    assert found.attributes == []
    for form in (shown, html.unescape(shown), found.text):
        assert not re.search(r"\{\{|\{%", form)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", found.text)
    assert len(shown.encode()) <= LONGEST


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    for body in (text, f"Hello {text} there", f"{text}\n\n{text}", text * 3, text.join(["a", "b", "c"])):
        assert_harmless(note_html(body))


@settings(max_examples=500)
@given(st.lists(st.sampled_from([*HOSTILE, "\n", "\n\n", " ", "word", "{", "%", "}", "<", "&"]), max_size=12))
def test_no_mixture_comes_to_life(parts: list[str]) -> None:
    assert_harmless(note_html("".join(parts)))


def test_what_is_shown_is_what_was_written() -> None:
    body = "Hello Ann,\n\nwe look into it:\n- grün & 請求書\n- <b>not bold</b>, {{ no.code }}\n\nYours"
    shown = note_html(body)
    assert shown.count("<p>") == 3
    plain = html.unescape(re.sub(r"</?p>", "", shown.replace("</p><p>", "\n\n").replace("<br>", "\n")))
    assert plain.replace("\u2060", "") == body


@pytest.mark.parametrize("letter", ["a", "ü", "請", "😀", "<", "a\n", "{", "\n\n<&{{"])
def test_a_long_text_is_cut_visibly_under_the_limit(letter: str) -> None:
    shown = note_html("begin" + letter * 70_000 + "end")
    assert 0.5 * LONGEST < len(shown.encode()) <= LONGEST
    assert shown.startswith("<p>begin")
    assert shown.endswith("[…]</p>")
