"""Quoted history and signatures off, line by line, in time linear in the text. Pure.

Three forms of history are known. *Attribution* (`On ... wrote:`): where `>` lines follow, exactly those
lines go and answers between them stay; otherwise everything below goes. *Separator* and *header block*
(`From: / Sent: / To: / Subject:`): everything below goes. *Trailing block*: `>` lines at the very end.
Where nothing would be left, everything stays: a quote left behind is better than words lost.
"""

from __future__ import annotations

import re
from itertools import islice

from smartticket_daemon.phrases import (
    ATTRIBUTION_START,
    ATTRIBUTION_VERB,
    CLIENT_SIGNATURE,
    FORWARD_LINE,
    HEADER_LABELS,
    REPLY_ABOVE,
    SEPARATOR_LINE,
)

SEPARATOR = "-----Original Message-----"
"""The separator line that this module always knows."""

_MAX_LINE = 300
_ATTRIBUTION_LINES = 4
_HEADER_LINES = 9
_SIGNATURE_LINES = 12

_FULL_DATE = re.compile(r"\b(?:19|20)\d{2}\b|\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{2,4}|\d年|\d년")
_TIME = re.compile(r"\d{1,2}\s?[:.hH時시]\s?\d{2}")
_ADDRESS = re.compile(r"[^\s<>()\[\]@]{1,64}@[^\s<>()\[\]@]{1,254}")
_BRACKETED = ("<", "(", "[")
_RULE = re.compile(r"[ \t]*(?:[_*=-][ \t]?){10,}")
_LABEL = re.compile(r"[ \t]*\*{0,2}([^\W\d_][^\W\d_ ]{0,15}(?: [^\W\d_]{1,12}){0,2}) {0,3}\*{0,2} {0,3}[:：]")
_WORD = re.compile(r"\w")


def without_history(text: str) -> str:
    """`text` without the quoted earlier conversation, or all of it where that would leave no word."""
    lines = text.split("\n")
    kept = _own_lines(lines)
    if not any(_WORD.search(line) for line in kept):
        kept = [line for line in lines if line != SEPARATOR]
    return "\n".join(kept).strip()


def without_signature(text: str) -> str:
    """`text` without what follows a `-- ` line near its end, and without `Sent from my ...` lines there."""
    lines = text.split("\n")
    first = max(0, len(lines) - _SIGNATURE_LINES)
    tail = lines[first:]
    for number, line in enumerate(tail):
        if line.strip() in ("--", "—"):
            tail = tail[:number]
            break
    kept = "\n".join(lines[:first] + [line for line in tail if not _is_client_signature(line)]).strip()
    return kept if _WORD.search(kept) else text.strip()


def _is_client_signature(line: str) -> bool:
    return len(line) <= 80 and bool(CLIENT_SIGNATURE.fullmatch(line.strip()))


def _own_lines(lines: list[str]) -> list[str]:
    """The lines that were written now, up to the first that begins a history without marks of its own."""
    kept: list[str] = []
    replying = False
    number = 0
    signs = [":" in line or "--" in line or "##" in line or "：" in line for line in lines]
    while number < len(lines):
        line = lines[number]
        if any(signs[number : number + _ATTRIBUTION_LINES]):
            if FORWARD_LINE.fullmatch(line, 0, _MAX_LINE):
                return kept + lines[number:]
            if _is_separator(line) or _starts_header_block(lines, number):
                return _without_rule(kept)
            if width := _attribution_width(lines, number):
                number = _next_text(lines, number + width)
                if number == len(lines) or not _is_quoted(lines[number]):
                    return kept
                replying = True
                continue
        if not (replying and _is_quoted(line)):
            kept.append(line)
        number += 1
    return kept if replying else _without_trailing_block(kept)


def _is_quoted(line: str) -> bool:
    return line.startswith((">", " >"))


def _next_text(lines: list[str], number: int) -> int:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number


def _is_separator(line: str) -> bool:
    return len(line) <= _MAX_LINE and bool(SEPARATOR_LINE.fullmatch(line) or REPLY_ABOVE.fullmatch(line))


def _attribution_width(lines: list[str], number: int) -> int:
    """How many lines from `number` on are one attribution; 0 where none begins there."""
    first = lines[number]
    dated = ATTRIBUTION_START.match(first)
    limit = _ATTRIBUTION_LINES if dated else 2 if _TIME.search(first, 0, _MAX_LINE) else 1
    joined = ""
    for width, line in enumerate(lines[number : number + limit], 1):
        if not line.strip() or _is_quoted(line) or (width > 1 and ATTRIBUTION_START.match(line)):
            return 0
        joined = f"{joined} {line.strip()}"
        if len(joined) > _MAX_LINE:
            return 0
        if _is_attribution(joined, dated=bool(dated)):
            return width
    return 0


def _is_attribution(text: str, *, dated: bool) -> bool:
    """A colon at the end, and enough of verb, date, time and address that no person writes by chance."""
    if not text.endswith((":", "：")):
        return False
    has_verb = bool(ATTRIBUTION_VERB.search(text))
    has_date = bool(_FULL_DATE.search(text))
    has_time = bool(_TIME.search(text))
    address = _ADDRESS.search(text)
    if dated and has_verb:
        return has_date or has_time or bool(address)
    in_brackets = bool(address) and text.rstrip(" :：").endswith((">", ")", "]"))
    return has_time and (has_date or bool(address)) and (has_verb or in_brackets)


def _starts_header_block(lines: list[str], number: int) -> bool:
    """From, Subject and one of To, Date and Sent, or From, Sent and To; in any order, within a few lines.

    From, Date and To alone may be a journey that somebody wants to book.
    """
    if not _label(lines[number]):
        return False
    following = (line for line in lines[number : number + 2 * _HEADER_LINES] if line.strip())
    kinds = {_label(line) for line in islice(following, _HEADER_LINES)}
    return "from" in kinds and (
        ("subject" in kinds and bool(kinds & {"to", "date", "sent"})) or {"sent", "to"} <= kinds
    )


def _label(line: str) -> str | None:
    match = _LABEL.match(line, 0, 60)
    return HEADER_LABELS.get(match[1].lower()) if match else None


def _without_rule(kept: list[str]) -> list[str]:
    while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1], 0, _MAX_LINE)):
        kept.pop()
    return kept


def _without_trailing_block(kept: list[str]) -> list[str]:
    """Quoted lines at the very end go, unless the line above announces them with a colon."""
    end = len(kept)
    while end and (_is_quoted(kept[end - 1]) or not kept[end - 1].strip()):
        end -= 1
    if end and kept[end - 1].rstrip().endswith((":", "：")):
        return kept
    return kept[:end]
