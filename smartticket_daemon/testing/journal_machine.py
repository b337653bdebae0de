"""Any history of calls, against a model of plain dictionaries."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from smartticket_daemon.domain import Cursor, Key, Receipt, State
from smartticket_daemon.errors import JournalError
from smartticket_daemon.ports import LEDGER_WORDS, Backfill, Journal
from smartticket_daemon.testing.journal_steps import LEASE, NOW, PLAN, entry

NAMES = [f"{n}" for n in range(6)]
SOURCES = ("one", "two")
OPEN = (State.PENDING, State.SENDING)
_name, _source, _seconds = st.sampled_from(NAMES), st.sampled_from(SOURCES), st.integers(0, 300)
_new = st.tuples(_name, st.sampled_from([State.PENDING, State.SKIPPED, State.QUARANTINED, State.OBSERVED]))


@dataclass
class Item:
    """What the model remembers of one message."""

    source: str
    name: str
    state: State
    doubtful: bool
    has_plan: bool
    attempts: int = 0
    not_before: float = 0.0
    since: float = 0.0


class JournalMachine(RuleBasedStateMachine):
    """Random calls at a clock that only moves forward; after each the journal shows what the model says."""

    def __init__(self, open_journal: Callable[[Path], Journal]) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._open = open_journal
        self.journal = open_journal(self._folder)
        self.items: dict[Key, Item] = {}
        self.cursors: dict[str, Cursor | None] = {}
        self.pasts: dict[str, Backfill] = {}
        self.polled: set[str] = set()
        self.clock = 0.0

    def teardown(self) -> None:
        """Let go of the folder."""
        self.journal.close()
        self._stack.close()

    @property
    def now(self) -> datetime:
        """The moment."""
        return NOW + timedelta(seconds=self.clock)

    @rule(seconds=_seconds)
    def time_passes(self, seconds: int) -> None:
        self.clock += seconds

    @rule(source=_source, new=st.lists(_new, max_size=4), past=st.booleans())
    def record(self, source: str, new: list[tuple[str, State]], past: bool) -> None:
        entries = [entry(name, state, source=source) for name, state in new]
        fresh = {e.ref.key: e for e in reversed(entries) if e.ref.key not in self.items}
        cursor = Cursor(f"{self.clock}/{len(self.items)}")
        if past:
            self.cursors.setdefault(source, None)
            self.pasts[source] = Backfill(cursor, len(self.items), self.now, self.now)
            added = self.journal.record_past(source, entries, self.pasts[source], {}, self.now)
        else:
            self.cursors[source] = cursor
            added = self.journal.record(source, entries, cursor, {}, self.now)
        assert added == len(fresh)
        for e in (e for e in entries if e.ref.key not in self.items):
            doubtful = past or source not in self.polled
            self.items[e.ref.key] = Item(source, e.ref.message, e.state, doubtful, e.triage is not None)

    @rule(source=_source)
    def first_poll_done(self, source: str) -> None:
        self.journal.first_poll_done(source, self.now)
        self.polled.add(source)
        self.cursors.setdefault(source, None)

    @rule(source=_source, limit=st.integers(1, 3))
    def claim(self, source: str, limit: int) -> None:
        due = {key for key, item in self.items.items() if item.source == source and self._is_free(item)}
        works = self.journal.claim(source, self.now, LEASE, limit)
        assert len(works) == min(limit, len(due))
        for work in works:
            item = self.items[work.key]
            assert work.key in due
            assert work.doubtful == (item.doubtful or item.attempts > 0)
            item.state, item.since, item.attempts = State.SENDING, self.clock, item.attempts + 1
            assert (work.attempts, work.triage) == (item.attempts, PLAN)

    def _is_free(self, item: Item) -> bool:
        if item.state is State.SENDING:
            return self.clock - item.since >= LEASE
        return item.state is State.PENDING and item.not_before <= self.clock

    def _key(self, source: str, name: str) -> Key:
        return entry(name, source=source).ref.key

    def _settle(self, key: Key, state: State, call: Callable[[], None]) -> None:
        item = self.items.get(key)
        if item is None:
            try:
                call()
            except JournalError:
                return
            raise AssertionError("an unknown key must be refused")
        call()
        if item.state in OPEN:
            item.state = state
            item.has_plan = state in (*OPEN, State.QUARANTINED)

    @rule(source=_source, name=_name)
    def complete(self, source: str, name: str) -> None:
        key = self._key(source, name)
        self._settle(key, State.APPLIED, lambda: self.journal.complete({key: Receipt()}, self.now))

    @rule(source=_source, name=_name)
    def skip(self, source: str, name: str) -> None:
        key = self._key(source, name)
        self._settle(key, State.SKIPPED, lambda: self.journal.skip(key, "closed", self.now))

    @rule(source=_source, name=_name)
    def quarantine(self, source: str, name: str) -> None:
        key = self._key(source, name)
        self._settle(key, State.QUARANTINED, lambda: self.journal.quarantine(key, "refused", self.now))

    @rule(source=_source, name=_name, wait=_seconds, counted=st.booleans())
    def release(self, source: str, name: str, wait: int, counted: bool) -> None:
        key = self._key(source, name)
        item = self.items.get(key)
        if item and item.state in OPEN:
            item.not_before = self.clock + wait
            if not counted:
                item.attempts, item.doubtful = max(0, item.attempts - 1), True
        later = self.now + timedelta(seconds=wait)

        def call() -> None:
            self.journal.release(key, later, "no answer", self.now, counted=counted)

        self._settle(key, State.PENDING, call)

    @rule(source=_source, name=_name)
    def unclaim(self, source: str, name: str) -> None:
        key = self._key(source, name)
        item = self.items.get(key)
        if item and item.state is State.SENDING:
            item.attempts -= 1
            item.state = State.PENDING
        elif item is None:
            return
        self.journal.unclaim(key, self.now)

    @rule(source=_source, name=_name, fresh=st.booleans())
    def replay(self, source: str, name: str, fresh: bool) -> None:
        key = self._key(source, name)
        item = self.items.get(key)
        quarantined = item is not None and item.state is State.QUARANTINED
        new = entry(name, source=source) if fresh else None
        possible = quarantined and item is not None and (fresh or item.has_plan)
        assert self.journal.replay(key, self.now, new) == possible
        if possible and item is not None:
            item.state, item.attempts, item.not_before = State.PENDING, 0, 0.0
            item.doubtful = item.has_plan = True

    @rule(source=_source, name=_name)
    def drop(self, source: str, name: str) -> None:
        item = self.items.get(self._key(source, name))
        possible = item is not None and item.state is State.QUARANTINED
        assert self.journal.drop(self._key(source, name), self.now) == possible
        if possible and item is not None:
            item.state = State.SKIPPED

    @precondition(lambda self: self.items)
    @rule()
    def start_again(self) -> None:
        self.journal.close()
        self.journal = self._open(self._folder)

    @invariant()
    def the_ledger_is_right_and_balances(self) -> None:
        expected = {source: dict.fromkeys(LEDGER_WORDS, 0) for source in self.cursors}
        for item in self.items.values():
            word = "pending" if item.state in OPEN else item.state.value
            expected[item.source][word] += 1
            expected[item.source]["seen"] += 1
        assert self.journal.ledger() == expected

    @invariant()
    def the_cursors_are_apart(self) -> None:
        for source in SOURCES:
            assert self.journal.cursor(source) == self.cursors.get(source)
            assert self.journal.backfill(source) == self.pasts.get(source, Backfill())

    @invariant()
    def every_record_is_right(self) -> None:
        for name in NAMES:
            for found in self.journal.find(name):
                item = self.items[found.key]
                assert (found.ref.source, found.ref.message) == (item.source, item.name)
                assert (found.state, found.attempts) == (item.state, item.attempts)


def run_histories(open_journal: Callable[[Path], Journal]) -> None:
    """Twenty-five histories of up to thirty calls, the same ones every time."""

    class Machine(JournalMachine):
        def __init__(self) -> None:
            super().__init__(open_journal)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
