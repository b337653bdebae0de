"""poll(): one round of one source, with its health kept in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from smartticket_daemon.backoff import asked_wait, must_wait
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    JournalError,
    ModelError,
    RateLimited,
    SmartTicketError,
    TransientError,
    Unreachable,
    describe,
)
from smartticket_daemon.pipeline import Source, deliver, ingest
from smartticket_daemon.ports import Health

log = structlog.get_logger()

DONE, WAITS, INTERNAL = 0, 75, 70
_TROUBLES = (
    AccessDenied.exit_code,
    ConfigurationError.exit_code,
    Unreachable.exit_code,
    INTERNAL,
    WAITS,
)
"""The exit codes a failing source can earn, the gravest first."""

PATIENCE = timedelta(hours=1)
"""A source that is asked to slow down for longer than this without one good round is failing."""

NEWS = timedelta(seconds=20)
"""Rounds that follow each other after short waits ask for news no oftener than this."""

_KINDS: dict[int, type[SmartTicketError]] = {
    AccessDenied.exit_code: AccessDenied,
    Unreachable.exit_code: Unreachable,
    TransientError.exit_code: TransientError,
}

Step = Callable[[Source], object]


def poll(source: Source, take_in: Step = ingest, send: Step = deliver) -> int:
    """Take in what is new, deliver what is due; returns the exit code this source earns.

    Whatever befalls the source is noted in its health and returned, never raised, so that the other
    sources go on; only trouble with the journal or the model, which all share, is raised. A walk through
    the past has steps of its own.
    """
    now = source.clock()
    health = source.journal.health(source.name)
    if must_wait(health.not_before, now):
        return WAITS
    try:
        if not source.verified.is_set():
            verify(source)
        skipped = health.not_before is not None and source.look.within(NEWS, now)
        until = _work(source, _nothing if skipped else take_in, send)
    except (JournalError, ModelError):
        raise
    except Exception as error:  # noqa: BLE001 - a broken source must not stop the others
        return _fails(source, health, error)
    if health.failing_since:
        log.info("source_recovered", source=source.name, failures=health.failures)
    at = source.clock()
    source.journal.set_health(source.name, Health(last_poll=at, last_success=at, not_before=until))
    return WAITS if source.journal.ledger().get(source.name, {}).get("pending") else DONE


def _nothing(source: Source) -> None:
    """Whoever goes on after a short wait need not ask for news each time."""


def _work(source: Source, take_in: Step, send: Step) -> datetime | None:
    """Take in and deliver. Where no news may be asked for just now, what is due need not wait for that."""
    try:
        take_in(source)
    except RateLimited as error:
        if not error.partial:
            raise
        until = min(filter(None, (_deliver(source, send), _until(error, source.clock()))), default=None)
        wait = None if until is None else (until - source.clock()).total_seconds()
        raise RateLimited(str(error), wait) from None
    return _deliver(source, send)


def _deliver(source: Source, send: Step) -> datetime | None:
    """Deliver until done or asked to slow down: then the moment to go on, which is no failure."""
    try:
        send(source)
    except RateLimited as error:
        return _until(error, source.clock())
    return None


def verify(source: Source) -> None:
    """Before a source's first round in this process: is all that it and the settings of today need there?

    Raises what the first finding means that stands in the way.
    """
    if bad := next((f for f in source.connector.check(source.routes).findings if not f.ok), None):
        text = f"{bad.text} - {bad.mend}" if bad.mend else bad.text
        raise _KINDS.get(bad.exit_code, ConfigurationError)(text)
    source.verified.set()


def _fails(source: Source, health: Health, error: Exception) -> int:
    code = error.exit_code if isinstance(error, SmartTicketError) else INTERNAL
    now = source.clock()
    if _only_slow(health, error, now):
        source.journal.set_health(source.name, replace(health, not_before=_until(error, now), last_poll=now))
        return WAITS
    failing = replace(
        health,
        failing_since=health.failing_since or now,
        failures=health.failures + 1,
        error=describe(error),
        exit_code=code if code in _TROUBLES else INTERNAL,
        not_before=_until(error, now),
        last_poll=now,
    )
    source.journal.set_health(source.name, failing)
    source.connector.close()
    log.error("source_failing", source=source.name, error=failing.error, failures=failing.failures)
    return failing.exit_code


def _until(error: Exception, now: datetime) -> datetime | None:
    wait = asked_wait(error)
    return None if wait is None else now + wait


def _only_slow(health: Health, error: Exception, now: datetime) -> bool:
    """Being asked to slow down is a failure only when nothing has worked for PATIENCE."""
    recent = health.last_success is not None and now - health.last_success < PATIENCE
    return isinstance(error, RateLimited) and recent


def gravest(codes: list[int]) -> int:
    """The one exit code for several sources: refused, misconfigured, unreachable, broken, waiting, done."""
    return min(codes, key=(*_TROUBLES, DONE).index, default=DONE)
