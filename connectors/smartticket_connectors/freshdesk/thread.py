"""A ticket's notes and replies: who answered, what the customer wrote later. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from smartticket_connectors.freshdesk import fields
from smartticket_daemon.domain import Message

FIRST = "first"
"""The name of a ticket's first message, which is the ticket's own description."""


def answered(conversations: Iterable[Any], message: str = FIRST) -> bool:
    """Whether anything that the customer can see was written by our side after `message`."""
    after = message == FIRST
    for said in conversations:
        if not isinstance(said, dict):
            continue
        if after and said.get("private") is not True and said.get("incoming") is not True:
            return True
        after = after or str(said.get("id")) == message
    return False


def replies(first: Message, conversations: list[Any]) -> list[Message]:
    """What the customer wrote later, oldest first. Raises ValueError where a moment makes no sense."""
    said = [c for c in conversations if isinstance(c, dict) and c.get("incoming") is True]
    return [_reply(first, c, conversations) for c in said if fields.number(c.get("id"))]


def _reply(first: Message, said: Mapping[str, Any], conversations: list[Any]) -> Message:
    name = str(said["id"])
    body = fields.body(said, "body", first.subject)
    return replace(
        first,
        ref=replace(first.ref, message=name),
        body=body,
        created=fields.moment(said.get("created_at")),
        follow_up=True,
        answered=answered(conversations, name),
        files=() if body else fields.files(said),
    )
