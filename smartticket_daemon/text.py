"""Ticket text from what a customer sent: plain or HTML in, clean plain text out. Pure and bounded.

Every step takes time linear in its input, and the input is capped before the first step.
The words used: *history* is the quoted earlier conversation below (or between) what was written now;
a *forward* is history that the customer wants us to read, so it stays.
"""

from __future__ import annotations

import re
import unicodedata

from smartticket_daemon.markup import text_of_html
from smartticket_daemon.quotes import without_history, without_signature

MAX_TEXT = 100_000
"""Characters of one text that are looked at; a ticket that says nothing by then says nothing."""

_CHUNK = 1_000
"""Characters normalised at once: canonical ordering is quadratic in a run of combining marks."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ODD_SPACES = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_SPACES = re.compile("  +")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK_LINES = re.compile("\n{3,}")
_FORWARD_SUBJECT = re.compile(
    r"\s*(?:re|aw|sv|vs|antw|res|rif|tr|wg|fwd?|rv|enc|i|doorst|vb|pd|пер|转发|轉寄)\s*(?:\[\d{1,3}\])?\s*[:：]",
    re.IGNORECASE,
)
_FORWARD_WORDS = frozenset(
    ("fw", "fwd", "wg", "tr", "rv", "enc", "i", "doorst", "vb", "pd", "пер", "转发", "轉寄")
)


def clean(text: str) -> str:
    """One form of the same text: no invisible or control characters, plain spaces, at most one blank line.

    The text is cut to MAX_TEXT characters and composed (NFC), emoji included without their joiners.
    """
    text = _BREAKS.sub("\n", text[:MAX_TEXT])
    text = _SPACES.sub(" ", _ODD_SPACES.sub(" ", _INVISIBLE.sub("", text)))
    if not text.isascii():
        text = "".join(
            unicodedata.normalize("NFC", text[i : i + _CHUNK]) for i in range(0, len(text), _CHUNK)
        )
    text = "\n".join(map(str.strip, text.split("\n")))
    return _BLANK_LINES.sub("\n\n", text).strip()[:MAX_TEXT]


def clean_line(text: str, limit: int = 500) -> str:
    """`clean` on one line, for subjects and names, at most `limit` characters."""
    return " ".join(clean(text[: 4 * limit]).split())[:limit]


def from_html(html: str) -> str:
    """What a reader of the HTML sees, as clean text; quoted blocks carry `> ` as in plain mail."""
    return clean(text_of_html(html))


def is_forward(subject: str) -> bool:
    """Whether the subject's own prefixes (`Fwd:`, `WG:`, `TR:`, `RV:` ...) say so."""
    text = subject[:100]
    while match := _FORWARD_SUBJECT.match(text):
        if match[0].strip(" \t:：[]0123456789").lower() in _FORWARD_WORDS:
            return True
        text = text[match.end() :]
    return False


def customer_text(text: str, subject: str = "") -> str:
    """`text` (clean) without quoted history and signature; a forward keeps what it forwards.

    Where nothing would be left, everything stays: a quote left behind is better than words lost.
    """
    body = text if is_forward(subject) else without_history(text)
    return without_signature(body)
