"""poll(): one round of one source, with its health kept in the journal."""

from __future__ import annotations

from dataclasses import replace

import structlog

from smartticket_daemon.backoff import asked_wait, must_wait
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    JournalError,
    ModelError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.pipeline import Source, deliver, describe, ingest
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

_KINDS: dict[int, type[SmartTicketError]] = {
    AccessDenied.exit_code: AccessDenied,
    Unreachable.exit_code: Unreachable,
    TransientError.exit_code: TransientError,
}


def poll(source: Source) -> int:
    """Take in what is new, deliver what is due; returns the exit code this source earns.

    Whatever befalls the source is noted in its health and returned, never raised, so that the other
    sources go on; only trouble with the journal or the model, which all share, is raised.
    """
    now = source.clock()
    health = source.journal.health(source.name)
    if must_wait(health.not_before, now):
        return WAITS
    try:
        if not source.verified.is_set():
            _verify(source)
        ingest(source)
        deliver(source)
    except (JournalError, ModelError):
        raise
    except Exception as error:  # noqa: BLE001 - a broken source must not stop the others
        return _fails(source, health, error)
    if health.failing_since:
        log.info("source_recovered", source=source.name, failures=health.failures)
    at = source.clock()
    source.journal.set_health(source.name, Health(last_poll=at, last_success=at))
    return WAITS if source.journal.ledger().get(source.name, {}).get("pending") else DONE


def _verify(source: Source) -> None:
    """Before a source's first round in this process: is all that it and the settings of today need there?"""
    if bad := next((f for f in source.connector.check(source.routes).findings if not f.ok), None):
        text = f"{bad.text} - {bad.mend}" if bad.mend else bad.text
        raise _KINDS.get(bad.exit_code, ConfigurationError)(text)
    source.verified.set()


def _fails(source: Source, health: Health, error: Exception) -> int:
    code = error.exit_code if isinstance(error, SmartTicketError) else INTERNAL
    now, wait = source.clock(), asked_wait(error)
    failing = replace(
        health,
        failing_since=health.failing_since or now,
        failures=health.failures + 1,
        error=describe(error),
        exit_code=code if code in _TROUBLES else INTERNAL,
        not_before=None if wait is None else now + wait,
        last_poll=now,
    )
    source.journal.set_health(source.name, failing)
    source.connector.close()
    log.error("source_failing", source=source.name, error=failing.error, failures=failing.failures)
    return failing.exit_code


def gravest(codes: list[int]) -> int:
    """The one exit code for several sources: refused, misconfigured, unreachable, broken, waiting, done."""
    return min(codes, key=(*_TROUBLES, DONE).index, default=DONE)
