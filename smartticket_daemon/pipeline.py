"""ingest() and deliver(): the only orchestration.

    fetch -> recognise -> filter -> classify -> decide -> plan -> record      (ingest: no remote effect)
    claim -> look, when in doubt -> apply -> receipt                          (deliver)

The cursor is stored together with the work it covers, so it may lag but never lead. A write is
claimed in the journal before it is tried, and looked up at the remote before it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from traceback import extract_tb

import structlog

from smartticket_daemon.backoff import Backoff, asked_wait
from smartticket_daemon.domain import (
    Action,
    Batch,
    Decision,
    Message,
    Receipt,
    State,
    Triage,
    Unreadable,
)
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
)
from smartticket_daemon.judge import Judge, Verdict
from smartticket_daemon.ports import Connector, Entry, Journal, Quarantined, Work
from smartticket_daemon.receipts import Written
from smartticket_daemon.recognise import recognise

log = structlog.get_logger()

CLAIM = 20
"""How many deliveries are claimed in one commit."""


@dataclass(frozen=True, slots=True)
class Source:
    """Everything the pipeline needs to serve one source."""

    name: str
    connector: Connector
    journal: Journal
    judge: Judge
    backoff: Backoff
    lease: timedelta = timedelta(seconds=120)
    routes: frozenset[str] = frozenset()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    stopping: Callable[[], bool] = lambda: False
    verified: Event = field(default_factory=Event)
    """Set once this process has seen that the source has all it needs."""
    watch: Callable[[Verdict], None] | None = None
    """Sees every verdict as it is recorded; the dry run prints them."""


def ingest(source: Source) -> int:
    """Take in everything new; returns how many messages were new to the journal.

    1. Each batch is recognised, judged and recorded in one transaction with its cursor.
    2. Between batches a stop request ends the poll; the next one goes on at the cursor.
    3. A cursor that the source no longer knows is given up, loudly: `start` says where to begin again.
    4. After the first complete poll, later arrivals may be written to without looking first.
    """
    fresh = 0
    for batch in _batches(source):
        fresh += _take_in(source, batch)
        if source.stopping():
            return fresh
    source.journal.first_poll_done(source.name, source.clock())
    return fresh


def _batches(source: Source) -> Iterator[Batch]:
    cursor = source.journal.cursor(source.name)
    try:
        yield from source.connector.fetch(cursor)
    except CursorExpired as error:
        log.error("cursor_expired", source=source.name, error=str(error))
        yield from source.connector.fetch(None)


def _take_in(source: Source, batch: Batch) -> int:
    now = source.clock()
    seen = recognise(source.name, batch, source.connector, source.journal)
    verdicts = [*source.judge(seen.fresh, seen.threads, now), *map(_duplicate, seen.duplicates)]
    entries = [_entry(source, verdict) for verdict in verdicts]
    entries += [_unreadable(bad, now) for bad in seen.unreadable]
    fresh = source.journal.record(source.name, entries, batch.cursor, seen.moved, now)
    if source.watch:
        for verdict in verdicts:
            source.watch(verdict)
    if fresh:
        log.info("batch_recorded", source=source.name, messages=len(batch.messages), new=fresh)
    return fresh


def _entry(source: Source, verdict: Verdict) -> Entry:
    message, decision = verdict.message, verdict.decision
    entry = Entry(message.ref, decision, verdict.state, message.created, model=verdict.model)
    if verdict.state is State.PENDING:
        return replace(entry, triage=verdict.triage)
    if decision.reason == "human_decided" and (receipt := _our_own(source, message)):
        category = source.judge.policy.category_of(message.tags)
        ours = Decision(Action.APPLY, "already_applied", category, language=decision.language)
        return replace(entry, decision=ours, state=State.APPLIED, receipt=receipt)
    return entry


def _our_own(source: Source, message: Message) -> Receipt | None:
    """A tag of ours on a message this journal does not know: an earlier journal's work, or a person's?"""
    try:
        receipt = source.connector.applied(message.ref, message.ref.key)
    except (Overtaken, RejectedError):
        return None
    return receipt if receipt and receipt.note_id else None


def _duplicate(message: Message) -> Verdict:
    return Verdict(message, Decision(Action.SKIP, "duplicate"), State.SKIPPED, Triage())


def _unreadable(bad: Unreadable, now: datetime) -> Entry:
    return Entry(bad.ref, Decision(Action.SKIP, bad.reason), State.QUARANTINED, now)


def deliver(source: Source) -> int:
    """Carry out everything that is due; returns how many messages reached their final state.

    A trouble of the whole source (no answer, no access, a rate limit) gives the unfinished work back
    and is raised; a trouble of one message never stops the others.
    """
    done = 0
    while not source.stopping():
        claimed = source.journal.claim(source.name, source.clock(), source.lease.total_seconds(), CLAIM)
        if not claimed:
            break
        done += _deliver_all(source, claimed)
    return done


def _deliver_all(source: Source, claimed: list[Work]) -> int:
    done, waiting, written = 0, iter(claimed), Written(source.journal, source.clock)
    try:
        for work in waiting:
            done += _deliver_one(source, work, written)
            if source.stopping():
                break
    finally:
        written.store()
        for work in waiting:
            source.journal.unclaim(work.key, source.clock())
    return done


def _deliver_one(source: Source, work: Work, written: Written) -> bool:
    """One message: True when it is settled, False when it waits. Raises what concerns the whole source."""
    try:
        receipt = _send(source.connector, work)
    except Overtaken as overtaken:
        source.journal.skip(work.key, overtaken.reason, source.clock())
        log.info("overtaken", source=source.name, key=work.key, reason=overtaken.reason)
        return True
    except RejectedError as error:
        return _quarantine(source, work, error)
    except JournalError:
        raise
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


def _give_back(source: Source, work: Work, error: SmartTicketError) -> None:
    """The whole source is in trouble: that does not count against the message, but leaves a doubt."""
    now = source.clock()
    source.journal.release(
        work.key, now + (asked_wait(error) or timedelta(0)), describe(error), now, counted=False
    )


def _answers(connector: Connector) -> bool:
    """Silence while the source answers otherwise is one message's own trouble."""
    try:
        return connector.check().ok
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


def describe(error: Exception) -> str:
    """Our own errors speak for themselves; of a foreign one only the class and the place are safe to show."""
    if isinstance(error, SmartTicketError):
        return str(error)
    places = extract_tb(error.__traceback__)
    place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"unexpected {type(error).__name__}{place}"


def replay(source: Source, item: Quarantined) -> bool:
    """Put one quarantined message back in line.

    A decision that was made stands, but is planned anew: the settings may have been mended since. Where the
    message cannot be read for that, the old plan serves. One that was never judged is judged now.
    Raises Overtaken when such a message is gone, RejectedError when it still cannot be read.
    """
    now = source.clock()
    try:
        message = source.connector.read(item.ref)
    except SmartTicketError:
        if source.journal.replay(item.key, now):
            return True
        raise
    return source.journal.replay(item.key, now, _entry(source, _judged_again(source, item, message)))


def _judged_again(source: Source, item: Quarantined, message: Message) -> Verdict:
    record = next(r for r in source.journal.find(item.key) if r.key == item.key)
    if record.decision.category in source.judge.policy.categories:
        return source.judge.planned(message, record.decision, record.model)
    threads = source.journal.threads(source.name, message.answers)
    return next(iter(source.judge([message], frozenset(threads), source.clock())))
