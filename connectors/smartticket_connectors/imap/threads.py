"""Tells whether a mail answers another one that this folder holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from smartticket_connectors.imap.border import RefusedError, UnparsableError
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.session import Session
from smartticket_connectors.mail.headers import Headers, fingerprint
from smartticket_daemon.domain import Message

REACH = 10_000
"""How far back, in UIDs, an answered message is looked for."""
_MOST = 60
"""Message-IDs one SEARCH asks for."""
_ID = re.compile(r"<[!#-;=?-\[\]-~]{3,200}>", re.ASCII)
_NAMES = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"


def referred(header: bytes) -> list[str]:
    """Message-IDs of In-Reply-To and References that can be put into a SEARCH, nearest first, ten at most."""
    headers = Headers(header)
    ids = _ID.findall(headers.get("In-Reply-To")) + _ID.findall(headers.get("References"))[::-1]
    return list(dict.fromkeys(ids))[:10]


def mark_follow_ups(session: Session, messages: Sequence[Message], ids: Iterable[str]) -> list[Message]:
    """Set `follow_up` on the messages that answer an earlier one here.

    One SEARCH and one FETCH for the whole batch; a server that cannot search costs only this knowledge.
    """
    wanted = list(dict.fromkeys(ids))[:_MOST]
    if not wanted or not messages:
        return list(messages)
    newest = max(_uid(m) for m in messages)
    try:
        found = session.search(max(1, newest - REACH), newest, *_any_of(wanted))
        rows = session.fetch(found[-_MOST * 4 :], [_NAMES])
    except (RefusedError, UnparsableError):
        return list(messages)
    first: dict[str, int] = {}
    for uid, row in sorted(rows.items(), reverse=True):
        block = next((v for k, v in row.items() if k.startswith(b"BODY[HEADER.FIELDS")), None)
        if block:
            first[fingerprint(block, 0)] = uid
    return [replace(m, follow_up=m.follow_up or _answers_earlier(m, first)) for m in messages]


def _answers_earlier(message: Message, first: dict[str, int]) -> bool:
    uid = _uid(message)
    return any(first.get(answered, uid) < uid for answered in message.answers)


def _uid(message: Message) -> int:
    position = Position.parse(message.ref.position)
    return position.uid if position else 0


def _any_of(ids: Sequence[str]) -> list[str]:
    return ["OR"] * (len(ids) - 1) + [word for one in ids for word in ("HEADER", "Message-ID", one)]
