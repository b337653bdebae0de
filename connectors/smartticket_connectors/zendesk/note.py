"""The internal note as HTML that is safe to store at Zendesk. Pure."""

from __future__ import annotations

import html
import re

import nh3

LONGEST = 60_000
"""Bytes; Zendesk cuts silently at 64 kB."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_PLACEHOLDER = re.compile(r"\{(?=\s*[{%])")
_BREAKS = re.compile(r"\n{2,}")
_CUT = " […]"


def note_html(body: str) -> str:
    """Plain text as paragraphs, at most LONGEST bytes; longer text is cut, visibly.

    `{{` and `{%` would be expanded by Zendesk, with customers' data: a word joiner, which nobody sees,
    keeps the braces apart.
    """
    plain = _CONTROL.sub("", body.replace("\r\n", "\n")).strip()
    shown = _render(plain)
    while len(shown.encode()) > LONGEST:
        plain = plain[: len(plain) * LONGEST // len(shown.encode()) - len(_CUT)]
        shown = _render(plain + _CUT)
    return shown


def _render(plain: str) -> str:
    escaped = html.escape(_PLACEHOLDER.sub("{\u2060", plain))
    paragraphs = [f"<p>{part.replace(chr(10), '<br>')}</p>" for part in _BREAKS.split(escaped)]
    return nh3.clean("".join(paragraphs), tags={"p", "br"}, attributes={})
