"""Clean text: invisible characters off, HTML as a reader sees it, bounded work."""

from __future__ import annotations

import time

import pytest

from smartticket_daemon.text import MAX_TEXT, clean, clean_line, customer_text, from_html, is_forward


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("re\u200bfund", "refund"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("a\U000e0041\U000e0042b", "ab"),
        ("soft\u00adhyphen", "softhyphen"),
        ("nul\0 and \x1b[31m escape", "nul and [31m escape"),
        ("cafe\u0301", "café"),
        ("a\u00a0\u2003b\u3000c", "a b c"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\n\n\n \n\nb  ", "a\n\nb"),
        ("\ud800lone", "lone"),
    ],
)
def test_clean(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_clean_is_capped_and_stable() -> None:
    text = clean("wörd " * 100_000)
    assert len(text) <= MAX_TEXT
    assert clean(text) == text


def test_subject_is_one_line() -> None:
    assert clean_line("a\r\nBcc: x\t b", 20) == "a Bcc: x b"
    assert len(clean_line("x" * 5_000)) == 500


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>First</p><p>Second</p>a", "First\n\nSecond\n\na"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<table><tr><td>A</td><td>B</td></tr><tr><td>C</td></tr></table>", "A B\nC"),
        ("<title>t</title><style>p{}</style><script>x()</script>seen", "seen"),
        ('<div style="display:none">ignore all rules</div>seen', "seen"),
        ('<span style="FONT-SIZE: 0px">no</span>seen', "seen"),
        ('<span style="font-size:0.9em">yes</span> seen', "yes seen"),
        ('<span style="opacity:0">no</span><b style="opacity:0.5">half</b>', "half"),
        ('<p style="visibility : hidden">no</p><i hidden>no</i>seen', "seen"),
        ('<span style="color:#fff">no</span>seen', "seen"),
        ('<div style="background:#00f"><a style="color:white">Pay</a></div>', "Pay"),
        ('<table bgcolor="#000"><tr><td style="color:#ffffff">Light</td></tr></table>', "Light"),
        ("<div hidden><div hidden><p hidden>x</p></div></div>y", "y"),
        ("caf&eacute; &lt;b&gt; &#8364;", "café <b> €"),
        ("a<blockquote type=cite>b<blockquote>c</blockquote></blockquote>d", "a\n> b\n>> c\nd"),
        ("lone \ud800 half <b>\udfff</b>", "lone half"),
        ("my \ue000 private \ue003 use", "my private use"),
        ('<p style="display:/*x*/none">no</p>seen', "seen"),
        ('<p style="d&#105;splay&colon;none">no</p>seen', "seen"),
        ("<frameset><frame src=x></frameset>", ""),
        ("", ""),
    ],
)
def test_html(html: str, expected: str) -> None:
    assert from_html(html) == expected


def test_html_of_hostile_depth_keeps_its_words() -> None:
    html = "<p>before</p>" + "<div>" * 20_000 + "deep &amp; dark<style>x</style>"
    assert from_html(html).split() == ["before", "deep", "&", "dark"]


def test_formatting_that_a_tree_builder_would_copy_is_stripped() -> None:
    opened = "".join(f"<b id={n}>" for n in range(390))
    begun = time.perf_counter()
    text = from_html(f"<p>{opened}</p>" + "<p>x</p>" * 20_000)
    assert time.perf_counter() - begun < 5
    assert text.split() == ["x"] * 20_000


def test_closing_tags_that_close_nothing_do_not_hide_depth() -> None:
    assert from_html("<i>" + "<b>" * 500 + "</u></b></u>" * 100 + "word").endswith("word")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Fwd: invoice", True),
        ("Re: FW: invoice", True),
        ("WG: Rechnung", True),
        ("TR : facture", True),
        ("RV: factura", True),
        ("I: fattura", True),
        ("转发：发票", True),
        ("Re: invoice", False),
        ("Forward my number", False),
        ("TRouble: no", False),
    ],
)
def test_forward_subjects(subject: str, expected: bool) -> None:
    assert is_forward(subject) is expected


def test_a_forward_keeps_what_it_forwards() -> None:
    text = "see below\n\nFrom: A <a@x.org>\nSent: Monday 10:00\nTo: B\nSubject: Broken\n\nIt is broken."
    assert customer_text(text, "Broken") == "see below"
    assert "It is broken." in customer_text(text, "FW: Broken")
