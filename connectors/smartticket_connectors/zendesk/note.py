"""The internal note as HTML that is safe to store at Zendesk. Pure."""

from __future__ import annotations

import re

from smartticket_connectors.notes import note_of

LONGEST = 60_000
"""Bytes; Zendesk cuts silently at 64 kB."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_CUT = " […]"


def note_html(body: str) -> str:
    """Plain text as paragraphs, at most LONGEST bytes; longer text is cut, visibly."""
    plain = _CONTROL.sub("", body.replace("\r\n", "\n")).strip()
    shown = note_of(plain)
    while len(shown.encode()) > LONGEST:
        plain = plain[: len(plain) * LONGEST // len(shown.encode()) - len(_CUT)]
        shown = note_of(plain + _CUT)
    return shown
