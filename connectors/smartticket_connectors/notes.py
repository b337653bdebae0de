"""Internal notes as HTML that is safe to store at a helpdesk. Pure."""

from __future__ import annotations

import html
import re

import nh3

_BRACES = re.compile(r"\{(?=\s*[{%#])")
_BREAKS = re.compile(r"\n{2,}")
_TAGS = {"p", "br", "small"}


def note_of(plain: str, last: str = "") -> str:
    """Plain text as paragraphs and line breaks, nothing else; `last` is a line of our own, in small."""
    parts = [_escaped(part).replace("\n", "<br>") for part in _BREAKS.split(plain)]
    parts += [f"<small>{_escaped(last)}</small>"] if last else []
    return nh3.clean("".join(f"<p>{part}</p>" for part in parts), tags=set(_TAGS), attributes={})


def _escaped(text: str) -> str:
    # Helpdesks fill {{...}} and {%...%} in, with customers' data: a joiner that nobody sees keeps them apart.
    return html.escape(_BRACES.sub("{\u2060", text), quote=False)
