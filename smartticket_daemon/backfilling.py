"""Walk: the past of one source, newest first, triaged as new messages are.

Batches come from `past` instead of `fetch` and have a cursor of their own in the journal. All else is the
pipeline's: the same keys, filters (but those about age), policy, plans, deliveries and waits. No first
attempt writes blind, for an earlier journal may have known every one of these messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Protocol

import structlog

from smartticket_daemon.backoff import Look, asked_wait
from smartticket_daemon.domain import Batch, Extent, Key, Mode
from smartticket_daemon.errors import ConfigurationError, CursorExpired, RateLimited, Unreachable
from smartticket_daemon.filters import FilterRules
from smartticket_daemon.pipeline import Source, deliver, ingest, take_in
from smartticket_daemon.polling import DONE, WAITS, poll
from smartticket_daemon.ports import AppliesMany, Backfill, Entry, Remembers

log = structlog.get_logger()

TICK = timedelta(seconds=1)
"""Between two looks for work that is to be tried again, once everything was met."""

SHARED = 0.1
"""Calls that a ticket costs, about, where a hundred get their tags together."""

LIMIT, LATER = "limit of the account", "some messages are to be tried again"


class Watcher(Protocol):
    """Whoever shows how a walk fares."""

    def moved(self, walk: Walk) -> None:
        """Another step was done."""
        ...

    def wait(self, until: datetime, reason: str) -> None:
        """Return at `until`, or as soon as a stop was asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left of a walk: tickets, calls, and minutes at the source's budget. None: nobody can say."""

    tickets: int | None
    calls: int | None
    minutes: int | None

    @classmethod
    def of(cls, extent: Extent, each: float | None, before: int, limit: int | None) -> Estimate:
        """`each` is what a ticket costs as things stand; `before` tickets were met by earlier runs.

        Of the calls to read everything the same share is left as of the tickets. The pace is that of the
        extent, in calls: those of `each` kind are taken to be as frequent as those of a whole triage.
        """
        if extent.tickets is None:
            return cls(limit, None, None)
        tickets = max(extent.tickets - before, 0)
        tickets = tickets if limit is None else min(tickets, limit)
        if extent.calls is None or each is None:
            return cls(tickets, None, None)
        share = tickets / extent.tickets if extent.tickets else 0.0
        calls = ceil(extent.calls * share + each * tickets)
        pace = (extent.a_minute or 0) * (extent.each or 0)
        return cls(tickets, calls, ceil(calls / pace) if pace else None)


class Walk:
    """One run through the past of a source, to its end or to `limit` tickets that were not known.

    Raises ConfigurationError where the connector cannot read its past.
    """

    def __init__(self, source: Source, since: datetime | None = None, limit: int | None = None) -> None:
        self._past = past_of(source)
        judge = replace(source.judge, rules=partial(ageless, source.judge.rules))
        self.source = replace(source, judge=judge, look=Look())
        self.since = since
        self.limit = limit
        self.reached = self._begin(source.journal.backfill(source.name))
        self.met = 0
        """Tickets that this run has looked at, those that were known included."""
        self.new = 0
        self._batches: Iterator[Batch] | None = None

    def _begin(self, reached: Backfill) -> Backfill:
        """Where earlier runs came to; from the newest again where they left out what is wanted now."""
        wider = reached.since is not None and (self.since is None or self.since < reached.since)
        return Backfill() if wider else reached

    @property
    def finished(self) -> bool:
        """Whether nothing is left that was created at `since` or later."""
        return self.reached.finished is not None

    @property
    def over(self) -> bool:
        """Whether this run has met all that it is to meet."""
        return self.finished or (self.limit is not None and self.new >= self.limit)

    def estimate(self) -> Estimate:
        """What is left; asks the source."""
        extent = self._past.extent(self.since)
        each = calls_each(self.source, extent, self.source.judge.policy.mode)
        return Estimate.of(extent, each, self.reached.tickets, self.limit)

    def restart(self) -> None:
        """Begin at the newest again; what the journal knows is passed over."""
        self._note(Backfill())

    def step(self, source: Source) -> None:
        """Take in the next batch; what a `limit` leaves of it is met again by the next run."""
        if self.over:
            return
        batch = self._next()
        if batch is None:
            self._note(replace(self.reached, since=self.since, finished=source.clock()))
            return
        size = len(batch.messages) + len(batch.unreadable)
        reached = Backfill(batch.cursor, self.reached.tickets + size, self.since)
        if self.limit is not None:
            whole, batch = batch, _at_most(source, batch, self.limit - self.new)
            if whole is not batch:
                reached = self.reached
                self._batches = None  # nothing behind the rest may be met before it
        self.new += take_in(source, batch, partial(self._store, reached))
        self.met += len(batch.messages) + len(batch.unreadable)
        self.reached = reached

    def _next(self) -> Batch | None:
        """An iterator that broke off is gone; the next one begins at the cursor."""
        try:
            return self._draw()
        except CursorExpired as error:
            log.error("cursor_expired", source=self.source.name, error=str(error))
            self._note(Backfill())
            return self._draw()

    def _draw(self) -> Batch | None:
        batches = self._batches or iter(self._past.past(self.reached.cursor, self.since))
        self._batches = None
        batch = next(batches, None)
        self._batches = batches
        return batch

    def _note(self, reached: Backfill) -> None:
        self._store(reached, [], None, {}, self.source.clock())
        self.reached = reached

    def _store(
        self, reached: Backfill, entries: list[Entry], _: Batch | None, moved: dict[Key, str], now: datetime
    ) -> int:
        return self.source.journal.record_past(self.source.name, entries, reached, moved, now)

    def run(self, watcher: Watcher) -> int:
        """Until all is met and settled or a stop is asked for; returns the exit code.

        Waits that the source asked for are kept here, and so are those after some failures in a row.
        """
        source, code = self.source, WAITS
        while not source.stopping():
            code = poll(source, self.step, partial(deliver, together=True))
            watcher.moved(self)
            if self.over and code == DONE:
                return DONE
            if code not in (DONE, WAITS, Unreachable.exit_code):
                return code
            failures = source.journal.health(source.name).failures
            if failures >= source.backoff.max_attempts:
                return code
            if wait := self._wait():
                watcher.wait(*wait)
        return WAITS

    def rehearse(self, watcher: Watcher) -> int:
        """Only take in, for a journal that nobody will miss; returns the exit code."""
        if until := self.source.held_until:
            watcher.wait(until, LIMIT)
        while not (self.over or self.source.stopping()):
            try:
                self.step(self.source)
            except RateLimited as error:
                watcher.wait(self.source.clock() + (asked_wait(error) or TICK), LIMIT)
            watcher.moved(self)
        return DONE if self.over else WAITS

    def _wait(self) -> tuple[datetime, str] | None:
        """Until when there is nothing to do, and why."""
        now, health = self.source.clock(), self.source.journal.health(self.source.name)
        if until := self.source.held_until:
            return until, health.error or LIMIT
        if health.failing_since is not None:
            return now + self.source.backoff.delay(health.failures), health.error
        return (now + TICK, LATER) if self.over else None


def past_of(source: Source) -> Remembers:
    """The connector as one that can read its past. Raises ConfigurationError where it cannot."""
    if not isinstance(source.connector, Remembers):
        raise ConfigurationError(f"{source.name}: {source.connector.kind} cannot read its past")
    return source.connector


def first_poll(source: Source, watcher: Watcher) -> None:
    """Where polls are to begin "now" and none was made: the first one, so that nothing falls in between."""
    if source.journal.cursor(source.name) is not None:
        return
    if until := source.held_until:
        watcher.wait(until, LIMIT)
    if not source.stopping():
        ingest(source)


def calls_each(source: Source, extent: Extent, mode: Mode) -> float | None:
    """Calls that triaging one ticket of the past costs in a mode; None: nobody can say."""
    if mode is Mode.OBSERVE:
        return 0.0
    together = isinstance(source.connector, AppliesMany) and not source.routes
    return SHARED if mode is Mode.TAG and together else extent.each


def ageless(rules: Callable[[datetime], FilterRules], now: datetime) -> FilterRules:
    """Old messages are what a walk is for."""
    return replace(rules(now), max_age=None, start=None)


def _at_most(source: Source, batch: Batch, room: int) -> Batch:
    """The batch without what goes beyond the first `room` messages that the journal does not know."""
    known = {item.key for item in source.journal.known(source.name, {m.ref.ticket for m in batch.messages})}
    unknown = list(dict.fromkeys(m.ref.key for m in batch.messages if m.ref.key not in known))
    beyond = set(unknown[room:])
    if not beyond:
        return batch
    return replace(batch, messages=tuple(m for m in batch.messages if m.ref.key not in beyond))
