"""The rounds of the Daemon, with real threads and the real scheduler."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smartticket_daemon.errors import JournalError, ModelError
from smartticket_daemon.pipeline import Source
from smartticket_daemon.ports import Health
from tests.desk import Desk
from tests.unit.daemons import PATIENCE, several


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


def test_a_wait_that_ends_early_brings_the_next_round_forward(desk: Desk, start: Any) -> None:
    rounds = [threading.Event(), threading.Event()]
    left = iter(rounds)

    def work(source: Source) -> int:
        next(left).set()
        soon = datetime.now(UTC) + timedelta(seconds=0.2) if not rounds[1].is_set() else None
        source.journal.set_health(source.name, Health(not_before=soon))
        return 0

    start(several(desk, "a"), work, interval=3600)
    assert all(event.wait(PATIENCE) for event in rounds)


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
    assert sources[0].connector.closed  # type: ignore[attr-defined]


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
