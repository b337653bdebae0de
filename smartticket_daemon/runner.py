"""Runs the sources: once, or for ever with APScheduler, one job each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import structlog

from smartticket_daemon.errors import JournalError, SmartTicketError
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import gravest, poll
from smartticket_daemon.ports import Wakes
from smartticket_daemon.service import Service, Stop

log = structlog.get_logger()

HINT_SECONDS = 300.0
"""A hint connection is renewed after this long; networks drop quiet ones after 10 minutes or less."""
HINT_PAUSE = 1.0
"""Seconds between two hints at least; a server that chatters must not keep us busy."""
STUCK_SECONDS = 900.0
"""A round that shows no progress for this long is taken for hung and the watchdog is no longer fed."""

CLOCK_SLACK = timedelta(seconds=5)
"""How far the clock may be set back before it is taken notice of."""


def run_once(sources: Sequence[Source], work: Callable[[Source], int] = poll) -> int:
    """One round of every source, side by side; returns the exit code. Raises JournalError, ModelError."""
    if not sources:
        return 0
    try:
        with ThreadPoolExecutor(max_workers=len(sources), thread_name_prefix="source") as pool:
            rounds = [pool.submit(work, source) for source in sources]
        return gravest([each.result() for each in rounds])
    finally:
        for source in sources:
            source.connector.close()


class Daemon:
    """Polls every source by the clock, and earlier when a source hints at news."""

    def __init__(
        self, sources: Sequence[Source], interval: float, stop: Stop, work: Callable[[Source], int] = poll
    ) -> None:
        self._sources = [replace(source, stopping=partial(self._progress, source.name)) for source in sources]
        self._interval = interval
        self._stop = stop
        self._work = work
        self._service = Service()
        self._signs: dict[str, float] = {}
        self._jobs: list[Any] = []

    def run(self) -> int:
        """Until a stop is asked for; the action in hand is finished first. Returns the exit code.

        1. One job a source, the first round at once; a slow source never delays another.
        2. READY to the service manager, then stand by and feed the watchdog.
        3. On a stop: no new rounds, wake the waiting, wait for the rounds in hand, close.
        """
        scheduler = _scheduler(len(self._sources))
        self._jobs = [self._schedule(scheduler, source) for source in self._sources]
        scheduler.start()
        pairs = zip(self._sources, self._jobs, strict=True)
        watchers = [self._watch(source, job) for source, job in pairs if isinstance(source.connector, Wakes)]
        self._service.ready(f"{len(self._sources)} sources")
        log.info("ready", sources=len(self._sources))
        self._stand_by()
        self._service.stopping()
        log.info("stopping", rounds_in_hand=len(self._signs))
        scheduler.pause()
        self._wake_all()
        for watcher in watchers:
            watcher.join(timeout=5)
        scheduler.shutdown(wait=True)
        for source in self._sources:
            source.connector.close()
        return self._stop.code

    def _schedule(self, scheduler: Any, source: Source) -> Any:
        return scheduler.add_job(
            self._round, "interval", seconds=self._interval, args=[source], next_run_time=datetime.now(UTC)
        )

    def _progress(self, name: str) -> bool:
        """Asked between any two actions whether to stop: whoever asks is alive."""
        self._signs[name] = time.monotonic()
        return self._stop()

    def _round(self, source: Source) -> None:
        self._progress(source.name)
        try:
            self._work(source)
            self._resume(source)
        except SmartTicketError as error:
            log.critical("cannot_go_on", source=source.name, error=str(error))
            self._stop.ask(error.exit_code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must end and say so
            log.critical("cannot_go_on", source=source.name, error=type(error).__name__)
            self._stop.ask(JournalError.exit_code)
        finally:
            self._signs.pop(source.name, None)

    def _resume(self, source: Source) -> None:
        """A wait that ends before the next round is due brings that round forward."""
        until = source.journal.health(source.name).not_before
        job = next(job for own, job in zip(self._sources, self._jobs, strict=True) if own is source)
        if until is not None and job.next_run_time is not None and until < job.next_run_time:
            job.modify(next_run_time=max(until, datetime.now(UTC)))

    def _watch(self, source: Source, job: Any) -> threading.Thread:
        thread = threading.Thread(target=self._follow_hints, args=(source, job), daemon=True)
        thread.start()
        return thread

    def _follow_hints(self, source: Source, job: Any) -> None:
        pause = HINT_PAUSE
        while not self._stop.wait(pause):
            try:
                news = cast(Wakes, source.connector).wait(HINT_SECONDS)
            except Exception as error:  # noqa: BLE001 - a hint that fails costs nothing but the hint
                log.info("hints_interrupted", source=source.name, error=type(error).__name__)
                pause = min(pause * 2, HINT_SECONDS)
                continue
            pause = HINT_PAUSE
            if news and self._is_idle(source.name):
                job.modify(next_run_time=datetime.now(UTC))

    def _is_idle(self, name: str) -> bool:
        """Wait for the round in hand, which may have looked too early for a hint; False: we are stopping."""
        while name in self._signs and not self._stop():
            self._stop.wait(HINT_PAUSE)
        return not self._stop()

    def _wake_all(self) -> None:
        for source in self._sources:
            if isinstance(source.connector, Wakes):
                source.connector.wake()

    def _stand_by(self) -> None:
        while not self._stop.wait(self._service.beat):
            oldest = min(self._signs.copy().values(), default=None)
            if oldest is None or time.monotonic() - oldest < STUCK_SECONDS:
                self._service.alive()
            self._bring_forward()

    def _bring_forward(self) -> None:
        """Rounds are due by the wall clock: when it is set back, the next one lies further off than ever."""
        now = datetime.now(UTC)
        latest = now + timedelta(seconds=self._interval) + CLOCK_SLACK
        for job in self._jobs:
            if job.next_run_time and job.next_run_time > latest:
                log.warning("clock_set_back", due=job.next_run_time.isoformat(timespec="seconds"))
                job.modify(next_run_time=now)


def _scheduler(workers: int) -> Any:
    from apscheduler.executors.pool import ThreadPoolExecutor as Executor
    from apscheduler.schedulers.background import BackgroundScheduler

    return BackgroundScheduler(
        executors={"default": Executor(max(1, workers))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
