"""Hints of news that reach the Daemon, and its signs of life to the watchdog."""

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from smartticket_daemon import runner
from smartticket_daemon.pipeline import Source
from tests.desk import Desk
from tests.unit.daemons import PATIENCE, Closes, several


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
