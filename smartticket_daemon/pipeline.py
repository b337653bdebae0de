"""ingest() and deliver(): the only orchestration.

    fetch -> recognise -> filter -> classify -> decide -> plan -> record      (ingest: no remote effect)
    claim -> look, when in doubt -> apply -> receipt                          (deliver)

A walk through the past takes in its batches by the same `take_in` and delivers by the same `deliver`.

The cursor is stored together with the work it covers, so it may lag but never lead. A write is
claimed in the journal before it is tried, and looked up at the remote before it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog

from smartticket_daemon.backoff import Backoff, Look, asked_wait, must_wait
from smartticket_daemon.domain import (
    Batch,
    Key,
    Receipt,
)
from smartticket_daemon.entries import duplicate, entry_of, unreadable
from smartticket_daemon.errors import (
    ConfigurationError,
    CursorExpired,
    JournalError,
    NoRoom,
    Overtaken,
    RateLimited,
    RejectedError,
    SmartTicketError,
    Unreachable,
    describe,
)
from smartticket_daemon.judge import Judge, Verdict
from smartticket_daemon.ports import AppliesMany, Connector, Entry, Journal, Work
from smartticket_daemon.receipts import Written
from smartticket_daemon.recognise import recognise

log = structlog.get_logger()

CLAIM = 20
"""How many deliveries are claimed in one commit."""
TOGETHER = 100
"""The same where the service may change many tickets in one call."""

Store = Callable[[list[Entry], Batch, dict[Key, str], datetime], int]
"""Records entries, the batch's cursor and new positions in one commit; returns how many were new."""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything the pipeline needs to serve one source."""

    name: str
    connector: Connector
    journal: Journal
    judge: Judge
    """As it was at the start; `present` is the one to ask."""
    backoff: Backoff
    lease: timedelta = timedelta(seconds=120)
    routes: frozenset[str] = frozenset()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    stopping: Callable[[], bool] = lambda: False
    verified: Event = field(default_factory=Event)
    """Set once this process has seen that the source has all it needs."""
    look: Look = field(default_factory=Look)
    watch: Callable[[Verdict], None] | None = None
    """Sees every verdict as it is recorded; the dry run prints them."""
    renew: Callable[[Judge], Judge] = lambda judge: judge
    """The judge with the model of this moment, and the policy that goes with it."""

    @property
    def held_until(self) -> datetime | None:
        """Until when the source must be asked nothing: it said so to an earlier process, or to this one."""
        until = self.journal.health(self.name).not_before
        return until if must_wait(until, self.clock()) else None

    def present(self) -> Source:
        """The source with today's judge, which then serves for one whole batch."""
        judge = self.renew(self.judge)
        return self if judge is self.judge else replace(self, judge=judge)


def ingest(source: Source) -> int:
    """Take in everything new; returns how many messages were new to the journal.

    1. Each batch is recognised, judged and recorded in one transaction with its cursor.
    2. Between batches a stop request ends the poll; the next one goes on at the cursor.
    3. A cursor that the source no longer knows is given up, loudly: `start` says where to begin again.
    4. After the first complete poll, later arrivals may be written to without looking first.
    """
    fresh = 0
    source.present()  # in quiet times too, so that `status` soon tells of a promoted model that is no good
    for batch in _batches(source):
        fresh += take_in(source, batch, _store(source))
        if source.stopping():
            return fresh
    source.journal.first_poll_done(source.name, source.clock())
    source.look.at = source.clock()
    return fresh


def _batches(source: Source) -> Iterator[Batch]:
    cursor = source.journal.cursor(source.name)
    try:
        yield from source.connector.fetch(cursor)
    except CursorExpired as error:
        log.error("cursor_expired", source=source.name, error=str(error))
        yield from source.connector.fetch(None)


def _store(source: Source) -> Store:
    return lambda entries, batch, moved, now: source.journal.record(
        source.name, entries, batch.cursor, moved, now
    )


def take_in(source: Source, batch: Batch, store: Store) -> int:
    """Recognise, judge and record one batch in one commit; returns how many messages were new.

    One model judges all of it, though another may be promoted meanwhile.
    """
    source, now = source.present(), source.clock()
    seen = recognise(source.name, batch, source.connector, source.journal)
    verdicts = [*source.judge(seen.fresh, seen.threads, now), *map(duplicate, seen.duplicates)]
    entries = [entry_of(verdict, source.connector, source.judge.policy) for verdict in verdicts]
    entries += [unreadable(bad, now) for bad in seen.unreadable]
    fresh = store(entries, batch, seen.moved, now)
    if source.watch:
        for verdict in verdicts:
            source.watch(verdict)
    if fresh:
        log.info("batch_recorded", source=source.name, messages=len(batch.messages), new=fresh)
    return fresh


def deliver(source: Source, *, together: bool = False) -> int:
    """Carry out everything that is due; returns how many messages reached their final state.

    A trouble of the whole source (no answer, no access, a rate limit) gives the unfinished work back
    and is raised; a trouble of one message never stops the others. `together`: plans that only add tags
    share calls where the service can do that.
    """
    done, lease = 0, source.lease.total_seconds()
    many = together and isinstance(source.connector, AppliesMany)
    while not source.stopping():
        claimed = source.journal.claim(source.name, source.clock(), lease, TOGETHER if many else CLAIM)
        if not claimed:
            break
        shared = [work for work in claimed if many and _only_tags_at_first(work)]
        done += _deliver_all(source, shared, [work for work in claimed if work not in shared])
    return done


def _only_tags_at_first(work: Work) -> bool:
    """To add tags twice does no harm; what a dead process may have begun is looked up all the same."""
    plan = work.triage
    return work.attempts == 1 and bool(plan.tags) and plan.route is None and plan.note is None


def _deliver_all(source: Source, shared: list[Work], single: list[Work]) -> int:
    done, waiting, written = 0, iter(single), Written(source.journal, source.clock)
    try:
        done += _deliver_together(source, shared, written) if shared else 0
        for work in waiting:
            done += _deliver_one(source, work, written)
            if source.stopping():
                break
    finally:
        written.store()
        for work in waiting:
            source.journal.unclaim(work.key, source.clock())
    return done


def _deliver_together(source: Source, shared: list[Work], written: Written) -> int:
    """In few calls, settled one by one. Of those that a trouble of the source left open nothing is known."""
    assert isinstance(source.connector, AppliesMany)  # noqa: S101 - `deliver` has looked
    done, left = 0, {work.key: work for work in shared}
    try:
        for key, outcome in source.connector.apply_many([(w.ref, w.triage, w.key) for w in shared]):
            done += _deliver_one(source, left.pop(key), written, lambda *_, told=outcome: _receipt(told))
    except JournalError:
        raise
    except SmartTicketError as error:
        for work in left.values():
            _give_back(source, work, error)
        raise
    return done


def _receipt(outcome: Receipt | SmartTicketError) -> Receipt:
    if isinstance(outcome, SmartTicketError):
        raise outcome
    return outcome


def _send(connector: Connector, work: Work) -> Receipt:
    """Look first when an earlier attempt may have reached the remote; then do only what is left."""
    found = connector.applied(work.ref, work.key) if work.doubtful else None
    if found is None:
        return connector.apply(work.ref, work.triage, work.key)
    left = work.triage.minus(found)
    ref = replace(work.ref, position=found.position or work.ref.position)
    try:
        return found.plus(connector.apply(ref, left, work.key)) if left else found
    except Overtaken:
        if found.note_id is None:
            raise
        return found  # our note stands, and so does what a person did since


def _deliver_one(
    source: Source, work: Work, written: Written, send: Callable[[Connector, Work], Receipt] = _send
) -> bool:
    """One message: True when it is settled, False when it waits. Raises what concerns the whole source."""
    try:
        receipt = send(source.connector, work)
    except Overtaken as overtaken:
        source.journal.skip(work.key, overtaken.reason, source.clock())
        log.info("overtaken", source=source.name, key=work.key, reason=overtaken.reason)
        return True
    except RejectedError as error:
        return _quarantine(source, work, error)
    except NoRoom:
        source.journal.unclaim(work.key, source.clock())
        raise
    except (Unreachable, RateLimited, ConfigurationError) as error:
        if isinstance(error, Unreachable) and _answers(source.connector):
            return _message_trouble(source, work, error)
        _give_back(source, work, error)
        raise
    except Exception as error:  # noqa: BLE001 - one message's trouble, whatever it is, stays its own
        return _message_trouble(source, work, error)
    written.add(work.key, receipt)
    log.info("delivered", source=source.name, key=work.key, decision=work.decision.action.value)
    return True


def _give_back(source: Source, work: Work, error: SmartTicketError) -> None:
    """The whole source is in trouble: that does not count against the message, but leaves a doubt."""
    now = source.clock()
    source.journal.release(
        work.key, now + (asked_wait(error) or timedelta(0)), describe(error), now, counted=False
    )


def _answers(connector: Connector) -> bool:
    """Silence while the source answers otherwise, be it "later", is one message's own trouble."""
    try:
        return all(f.ok or f.exit_code == RateLimited.exit_code for f in connector.check().findings)
    except SmartTicketError:
        return False


def _message_trouble(source: Source, work: Work, error: Exception) -> bool:
    if work.attempts >= source.backoff.max_attempts:
        return _quarantine(source, work, error)
    wait = max(source.backoff.delay(work.attempts), asked_wait(error) or timedelta(0))
    now = source.clock()
    source.journal.release(work.key, now + wait, describe(error), now)
    log.warning("delivery_postponed", source=source.name, key=work.key, error=describe(error))
    return False


def _quarantine(source: Source, work: Work, error: Exception) -> bool:
    source.journal.quarantine(work.key, describe(error), source.clock())
    log.error("quarantined", source=source.name, key=work.key, error=describe(error))
    return True
