"""Reading in batches, and reading the past, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from smartticket_connectors.folder.box import Arrivals, Box, Place
from smartticket_connectors.mail.headers import MAX_BLOCK, fingerprint
from smartticket_connectors.mail.parts import split
from smartticket_daemon.domain import Batch, Cursor, Message, Unreadable
from smartticket_daemon.errors import RejectedError

HEADER = MAX_BLOCK + 1
"""Bytes that hold any header block, as far as one is looked at."""

Read = Callable[[Place], Message | Unreadable | None]
"""The message at a place; None when it has gone meanwhile."""


def batch_of(arrivals: Arrivals, read: Read) -> Batch:
    """What lies at these places."""
    found = [read(place) for place in arrivals.places]
    messages = tuple(m for m in found if isinstance(m, Message))
    return Batch(messages, arrivals.cursor, tuple(m for m in found if isinstance(m, Unreadable)))


def past(box: Box, read: Read, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
    """What was received at `since` or later, newest first, from behind the cursor.

    An answer is met before what it answers, so all that the folder holds says which mails are answers.
    """
    held: frozenset[str] | None = None
    for arrivals in box.past(cursor, since):
        batch = batch_of(arrivals, read)
        if held is None and any(message.answers for message in batch.messages):
            held = frozenset(_fingerprints(box))
        young = (m for m in batch.messages if since is None or m.created >= since)
        yield replace(batch, messages=tuple(_marked(m, held or frozenset()) for m in young))


def _marked(message: Message, held: frozenset[str]) -> Message:
    answered = {other for other in message.answers if other != message.ref.message}
    return replace(message, follow_up=not held.isdisjoint(answered))


def _fingerprints(box: Box) -> Iterator[str]:
    for place in box.places():
        with suppress(RejectedError):
            if letter := box.read(place, HEADER):
                yield fingerprint(split(letter.raw)[0], letter.size)
