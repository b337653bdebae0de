"""recall(): the past of a source, batch by batch, with the waits that it asks for. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from smartticket_daemon.backfilling import LIMIT, TICK, past_of
from smartticket_daemon.backoff import asked_wait
from smartticket_daemon.domain import Batch, Cursor, Extent, Message, Status
from smartticket_daemon.errors import RateLimited, TransientError
from smartticket_daemon.pipeline import Source
from smartticket_daemon.policy import Policy

log = structlog.get_logger()

Wait = Callable[[datetime, str], None]
"""Returns at a moment, or as soon as a stop was asked for; told the reason."""


def extent_of(source: Source, since: datetime | None) -> Extent:
    """How much there is; nothing is known where the source wants to be left alone just now."""
    past = past_of(source)
    try:
        return Extent() if source.held_until else past.extent(since)
    except RateLimited:
        return Extent()


def recall(source: Source, cursor: Cursor | None, since: datetime | None, wait: Wait) -> Iterator[Batch]:
    """What lies there from behind `cursor` on, newest first; ends early when a stop was asked for.

    Waits that the source asked an earlier process for are kept, and so are those after some failures in a
    row; what does not pass is raised. Raises CursorExpired, ConfigurationError, TransientError.
    """
    connector, batches, failures = past_of(source), None, 0
    if until := source.held_until:
        wait(until, LIMIT)
    while not source.stopping():
        try:
            batches = batches or iter(connector.past(cursor, since))
            batch = next(batches, None)
        except TransientError as error:
            batches, failures = None, 0 if isinstance(error, RateLimited) else failures + 1
            _pause(source, error, failures, wait)
            continue
        if batch is None:
            return
        cursor, failures = batch.cursor, 0
        yield batch


def _pause(source: Source, error: TransientError, failures: int, wait: Wait) -> None:
    """After a limit as long as it asks, after trouble the longer the oftener; raises it at last."""
    if failures >= source.backoff.max_attempts:
        raise error
    asked = asked_wait(error) or TICK
    delay = source.backoff.delay(failures) if failures else timedelta(0)
    log.warning("past_interrupted", source=source.name, error=str(error), failures=failures)
    wait(source.clock() + max(asked, delay), str(error) if failures else LIMIT)


def as_if_new(message: Message, policy: Policy) -> Message:
    """The message as it came, before anybody answered, filed or solved it."""
    ours = {tag.lower() for tag in (*policy.category_tags, policy.unsure_tag)}
    tags = frozenset(tag for tag in message.tags if tag.lower() not in ours)
    status = Status.OPEN if message.status.ended else message.status
    return replace(message, status=status, tags=tags, group=None, answered=False)
