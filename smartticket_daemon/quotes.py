"""Quoted history and signatures off, line by line, in time linear in the text. Pure.

Three forms of history are known. *Attribution* (`On ... wrote:`): where `>` lines follow, exactly those
lines go and answers between them stay; otherwise everything below goes. *Separator* and *header block*
(`From: / Sent: / To: / Subject:`): everything below goes. *Trailing block*: `>` lines at the very end.
Where nothing would be left, everything stays: a quote left behind is better than words lost.
"""

from __future__ import annotations

import re

from smartticket_daemon.phrases import (
    ATTRIBUTION_ENDS,
    ATTRIBUTION_VERBS,
    CLIENT_SIGNATURE,
    HEADER_LABELS,
    SEPARATOR_WORDS,
)

SEPARATOR = "-----Original Message-----"
"""The separator line that this module always knows."""

_MAX_LINE = 500
_ATTRIBUTION_LINES = 4
_HEADER_LINES = 9
_SIGNATURE_LINES = 12

_QUOTED = re.compile(r"[ \t]*>")
_HAS_DATE = re.compile(r"\d{1,2}\s?[:.hH]\s?\d{2}|\b(?:19|20)\d{2}\b|\d[./-]\d|年|년")
_HAS_TIME = re.compile(r"\d{1,2}[:.]\d{2}")
_ADDRESS_END = re.compile(r"[<(\[][^<>()\[\]\s]{1,254}@[^<>()\[\]\s]{1,254}[>)\]]\s*[:：]$")
_RULE = re.compile(r"[ \t]*(?:[_*=-][ \t]?){10,}$")
_LABEL = re.compile(r"[ \t>]*\**([^\W\d_][\w .’'-]{0,24}?)\s?\**\s?[:：]\**\s?(.*)$")
_WORD = re.compile(r"\w")


def without_history(text: str) -> str:
    """`text` without the quoted earlier conversation, or all of it where that would leave no word."""
    lines = text.split("\n")
    kept = _own_lines(lines)
    if not any(_WORD.search(line[:_MAX_LINE]) for line in kept):
        return "\n".join(line for line in lines if line != SEPARATOR).strip()
    return "\n".join(kept).strip()


def without_signature(text: str) -> str:
    """`text` without what follows a `-- ` line near its end, and without `Sent from my ...` lines."""
    lines = text.split("\n")
    first = max(0, len(lines) - _SIGNATURE_LINES)
    for number in range(first, len(lines)):
        if lines[number].strip() in ("--", "—"):
            lines = lines[:number]
            break
    tail = [line for line in lines[first:] if not _is_client_signature(line)]
    kept = "\n".join(lines[:first] + tail).strip()
    return kept if _WORD.search(kept) else text.strip()


def _is_client_signature(line: str) -> bool:
    return len(line) <= 80 and bool(CLIENT_SIGNATURE.fullmatch(line.strip()))


def _own_lines(lines: list[str]) -> list[str]:
    """The lines that were written now."""
    kept: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if _is_separator(line) or _starts_header_block(lines, number):
            return _without_rule(kept)
        if width := _attribution_width(lines, number):
            following = _next_text(lines, number + width)
            if following is None or not _QUOTED.match(lines[following]):
                return kept
            return kept + [own for own in lines[following:] if not _QUOTED.match(own)]
        kept.append(line)
        number += 1
    return _without_trailing_block(kept)
