"""What the customer said in the transcript of a chat. Pure.

Zendesk writes one line a turn, `(10:02:03) Ann: my parcel is late`, some under a heading of their own.
"""

from __future__ import annotations

import re

_TURN = re.compile(
    r"\((?:\d{4}-\d\d-\d\d )?\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?\) ?([^:\n]{1,100}): ?(.*)", re.IGNORECASE
)
_CUSTOMERS = re.compile(r"(?:visitor|web user|guest|end[ -]?user)\b", re.IGNORECASE)


def said_by_customer(transcript: str, name: str) -> str:
    """The turns of the customer called `name` (or of an unnamed visitor); all of it where none is found."""
    turns: list[tuple[str, list[str]]] = []
    for line in transcript.splitlines():
        if match := _TURN.fullmatch(line.strip()):
            turns.append((match[1].strip(), [match[2]]))
        elif turns:
            turns[-1][1].append(line)
    said = [line for speaker, lines in turns if _is_customer(speaker, name) for line in lines]
    return "\n".join(said).strip() or transcript


def _is_customer(speaker: str, name: str) -> bool:
    known = bool(name) and speaker.casefold() == name.strip().casefold()
    return known or bool(_CUSTOMERS.match(speaker))
