"""Tells whether a mail answers another one that this folder holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from smartticket_connectors.imap.border import RefusedError, UnparsableError
from smartticket_connectors.imap.index import in_batches
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

    One SEARCH and one FETCH for most batches; a server that cannot search costs only this knowledge.
    """
    if not messages:
        return []
    newest = max(_uid(m) for m in messages)
    first: dict[str, int] = {}
    try:
        for wanted in in_batches(list(dict.fromkeys(ids)), _MOST):
            first |= _first_bearers(session, newest, wanted)
    except (RefusedError, UnparsableError):
        return list(messages)
    return [replace(m, follow_up=m.follow_up or _answers_earlier(m, first)) for m in messages]


def _first_bearers(session: Session, newest: int, ids: Sequence[str]) -> dict[str, int]:
    """The lowest UID that bears each of these Message-IDs, by fingerprint, up to UID `newest`."""
    found = session.search(max(1, newest - REACH), newest, *_any_of(ids))
    rows = session.fetch(found[-_MOST * 4 :], [_NAMES])
    blocks = (
        (uid, next((v for k, v in row.items() if k.startswith(b"BODY[HEADER.FIELDS")), None))
        for uid, row in sorted(rows.items(), reverse=True)
    )
    return {fingerprint(block, 0): uid for uid, block in blocks if block}


def _answers_earlier(message: Message, first: dict[str, int]) -> bool:
    uid = _uid(message)
    return any(first.get(answered, uid) < uid for answered in message.answers)


def _uid(message: Message) -> int:
    position = Position.parse(message.ref.position)
    return position.uid if position else 0


def _any_of(ids: Sequence[str]) -> list[str]:
    return ["OR"] * (len(ids) - 1) + [word for one in ids for word in ("HEADER", "Message-ID", one)]
