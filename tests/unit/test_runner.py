"""run_once() and the Daemon, with real threads and the real scheduler."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smartticket_daemon import runner
from smartticket_daemon.errors import JournalError, ModelError, StateHeld, Unreachable
from smartticket_daemon.journal import hold_state
from smartticket_daemon.pipeline import Source
from smartticket_daemon.runner import Daemon, run_once
from smartticket_daemon.service import Stop
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import Desk

PATIENCE = 20.0


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


class Closes(InMemoryConnector):
    """Remembers that it was let go of."""

    closed = False

    def close(self) -> None:
        self.closed = True


def several(desk: Desk, names: str) -> list[Source]:
    return [
        replace(desk.source(), name=name, connector=Closes(name, desk.settings)) for name in names.split()
    ]


# Once


def test_one_round_of_every_source(desk: Desk) -> None:
    desk.remote.deliver("technical_issue", "It broke.")
    assert run_once([desk.source()]) == 0
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_nothing_to_run_is_done() -> None:
    assert run_once([]) == 0


def test_a_broken_source_does_not_stop_the_others(desk: Desk) -> None:
    bad = Closes("bad", desk.settings.model_copy(update={"password": "wrong"}))
    good = desk.source()
    desk.remote.deliver("technical_issue", "It broke.")
    assert run_once([replace(good, name="bad", connector=bad), good]) == 78
    assert desk.ledger() == {"seen": 1, "applied": 1}
    assert desk.journal.health("bad").error == "the password is wrong - set the right password"
    assert bad.closed


def test_the_gravest_code_is_returned(desk: Desk) -> None:
    codes = {"a": 75, "b": 69, "c": 0}
    assert run_once(several(desk, "a b c"), lambda source: codes[source.name]) == Unreachable.exit_code


@pytest.mark.parametrize("error", [JournalError("full"), ModelError("damaged")])
def test_what_all_sources_share_ends_the_run_after_the_others_are_done(desk: Desk, error: Exception) -> None:
    done: list[str] = []

    def work(source: Source) -> int:
        if source.name == "a":
            raise error
        done.append(source.name)
        return 0

    sources = several(desk, "a b c")
    with pytest.raises(type(error)):
        run_once(sources, work)
    assert sorted(done) == ["b", "c"]
    assert all(source.connector.closed for source in sources)  # type: ignore[attr-defined]


# For ever


class Running:
    """A daemon in a thread of its own."""

    def __init__(self, sources: list[Source], work: Callable[[Source], int], interval: float = 3600) -> None:
        self.stop = Stop()
        self.code: int | None = None
        self._daemon = Daemon(sources, interval, self.stop, work)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.code = self._daemon.run()

    def put_off(self, by: timedelta) -> None:
        """What a clock that is set back makes of the schedule."""
        for job in self._daemon._jobs:
            job.modify(next_run_time=datetime.now(UTC) + by)

    def end(self) -> int | None:
        self.stop.ask()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.code


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*args: Any, **options: Any) -> Running:
        running.append(Running(*args, **options))
        return running[-1]

    yield begin
    for daemon in running:
        daemon.end()


def test_every_source_is_polled_at_once_and_a_slow_one_delays_nobody(desk: Desk, start: Any) -> None:
    rounds = {name: threading.Event() for name in "abc"}
    free = threading.Event()

    def work(source: Source) -> int:
        rounds[source.name].set()
        if source.name == "a":
            assert free.wait(PATIENCE)
        return 0

    daemon = start(several(desk, "a b c"), work)
    assert all(event.wait(PATIENCE) for event in rounds.values())
    free.set()
    assert daemon.end() == 0


def test_rounds_come_again_by_the_clock(desk: Desk, start: Any) -> None:
    three, seen = threading.Event(), []

    def work(source: Source) -> int:
        seen.append(source.name)
        if len(seen) == 3:
            three.set()
        return 0

    start(several(desk, "a"), work, interval=0.05)
    assert three.wait(PATIENCE)


def test_a_clock_that_is_set_back_stops_no_rounds(
    desk: Desk, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    rounds = [threading.Event(), threading.Event()]
    left = iter(rounds)

    def work(source: Source) -> int:
        next(left).set()
        return 0

    daemon = start(several(desk, "a"), work, interval=60)
    assert rounds[0].wait(PATIENCE)
    daemon.put_off(timedelta(hours=10))
    assert rounds[1].wait(PATIENCE)


def test_a_stop_waits_for_the_round_in_hand(desk: Desk, start: Any) -> None:
    began, finished = threading.Event(), threading.Event()

    def work(source: Source) -> int:
        began.set()
        while not source.stopping():
            threading.Event().wait(0.01)
        finished.set()
        return 0

    sources = several(desk, "a")
    daemon = start(sources, work)
    assert began.wait(PATIENCE)
    assert daemon.end() == 0
    assert finished.is_set()
    assert sources[0].connector.closed


@pytest.mark.parametrize(
    ("error", "code"), [(JournalError("full"), 70), (ModelError("damaged"), 78), (KeyError("a bug"), 70)]
)
def test_trouble_that_concerns_all_ends_the_daemon_with_its_code(
    desk: Desk, start: Any, error: Exception, code: int
) -> None:
    def work(source: Source) -> int:
        raise error

    daemon = start(several(desk, "a"), work)
    assert daemon.stop.wait(PATIENCE)
    assert daemon.end() == code


class Hints(Closes):
    """Gives one hint of news for each time it is told to."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.news = threading.Semaphore(0)
        self.trouble: list[Exception] = []

    def wait(self, seconds: float) -> bool:
        if self.trouble:
            raise self.trouble.pop()
        return self.news.acquire(timeout=seconds)

    def wake(self) -> None:
        self.news.release()


def test_a_hint_brings_the_next_round_forward(
    desk: Desk, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "HINT_PAUSE", 0.01)
    connector = Hints("a", desk.settings)
    connector.trouble = [OSError("the line broke")]
    rounds = threading.Semaphore(0)

    def work(source: Source) -> int:
        rounds.release()
        return 0

    start([replace(desk.source(), name="a", connector=connector)], work)
    assert rounds.acquire(timeout=PATIENCE)
    for _ in range(3):
        connector.news.release()
        assert rounds.acquire(timeout=PATIENCE)


def test_a_hint_during_a_round_is_for_the_next_one(
    desk: Desk, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "HINT_PAUSE", 0.01)
    connector = Hints("a", desk.settings)
    rounds, free = threading.Semaphore(0), threading.Event()

    def work(source: Source) -> int:
        rounds.release()
        assert free.wait(PATIENCE)
        return 0

    start([replace(desk.source(), name="a", connector=connector)], work)
    assert rounds.acquire(timeout=PATIENCE)
    connector.news.release()
    assert not rounds.acquire(timeout=0.2)
    free.set()
    assert rounds.acquire(timeout=PATIENCE)


class Manager:
    """Counts the signs of life."""

    beat = 0.02

    def __init__(self) -> None:
        self.signs = threading.Semaphore(0)

    def ready(self, status: str) -> None: ...

    def stopping(self) -> None: ...

    def alive(self) -> None:
        self.signs.release()

    def is_fed(self) -> bool:
        while self.signs.acquire(timeout=0):
            pass
        return self.signs.acquire(timeout=PATIENCE)

    def starves(self) -> bool:
        """No sign for ten beats, after those that were on their way."""
        return any(not self.signs.acquire(timeout=10 * self.beat) for _ in range(100))


def test_a_long_round_that_makes_progress_feeds_the_watchdog(
    desk: Desk, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, clock = Manager(), SimpleNamespace(now=0.0)
    monkeypatch.setattr(runner, "Service", lambda: manager)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: clock.now))
    reached, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def work(source: Source) -> int:
        for _ in range(2):
            source.stopping()
            reached.release()
            assert go_on.acquire(timeout=PATIENCE)
        return 0

    start(several(desk, "a"), work)
    for _ in range(2):
        assert reached.acquire(timeout=PATIENCE)
        clock.now += runner.STUCK_SECONDS - 1
        assert manager.is_fed()
        go_on.release()
    assert manager.is_fed()


def test_the_watchdog_starves_while_a_round_hangs(
    desk: Desk, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, clock = Manager(), SimpleNamespace(now=0.0)
    monkeypatch.setattr(runner, "Service", lambda: manager)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: clock.now))
    began, free = threading.Event(), threading.Event()

    def work(source: Source) -> int:
        began.set()
        assert free.wait(PATIENCE)
        return 0

    start(several(desk, "a"), work)
    assert began.wait(PATIENCE)
    clock.now += runner.STUCK_SECONDS + 1
    assert manager.starves()
    free.set()
    assert manager.is_fed()


# Two daemons


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with hold_state(tmp_path), pytest.raises(StateHeld, match=str(tmp_path)), hold_state(tmp_path):
        pass
    with hold_state(tmp_path):
        pass
