"""Our internal note: how it is written, and how it is known again. Pure.

Its last line, small, tells what came with it: the message's key, the tags and the group we set. That is
what a lost journal or a crash is mended from; agents can ignore it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.notes import note_of
from smartticket_daemon.domain import Key
from smartticket_daemon.text import clean

_RECORD = re.compile(r"smartticket\s+key=([0-9a-f]{32})((?:\s+[a-z]+=[^\s<>&\"']*)*)")


@dataclass(frozen=True, slots=True)
class Record:
    """What was done together with a note. `group` and `before` are names; `id` is the note's own number."""

    key: Key
    tags: tuple[str, ...] = ()
    group: str | None = None
    before: str | None = None
    id: int | None = None
    private: bool = True

    def line(self) -> str:
        """As it stands in the note."""
        words = [f"tag={quote(tag, safe='')}" for tag in self.tags]
        words += [
            f"{k}={quote(v, safe='')}" for k, v in (("group", self.group), ("before", self.before)) if v
        ]
        return " ".join([f"smartticket key={self.key}", *words])

    @classmethod
    def of(cls, conversation: Mapping[str, Any]) -> Record | None:
        """The record in a note that is there; None when it holds none."""
        forms = (str(conversation.get(name)) for name in ("body", "body_text"))
        found = next(filter(None, (list(_RECORD.finditer(form)) for form in forms)), None)
        if not found:
            return None
        match = found[-1]  # whatever the reply itself quotes stands before
        words = [word.partition("=")[::2] for word in match[2].split()]
        named = {name: unquote(value) for name, value in words}
        return cls(
            Key(match[1]),
            tuple(unquote(value) for name, value in words if name == "tag"),
            named.get("group"),
            named.get("before"),
            fields.number(conversation.get("id")),
            conversation.get("private") is True,
        )


def written(text: str, record: Record) -> str:
    """The note as HTML: paragraphs and line breaks, nothing else, nothing that the service would fill in."""
    return note_of(clean(text), record.line())


def ours(conversations: Iterable[Any], me: int, key: Key) -> Record | None:
    """Our note with this key among a ticket's conversations: written by our own agent, in whatever privacy.

    What a customer writes never counts, whatever it says.
    """
    for said in conversations:
        if not isinstance(said, dict) or said.get("user_id") != me or said.get("incoming") is True:
            continue
        record = Record.of(said)
        if record and record.key == key:
            return record
    return None
