"""Runs the sources: once, or for ever with APScheduler, one job each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog

from smartticket_daemon.errors import JournalError, SmartTicketError
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import gravest, poll
from smartticket_daemon.ports import Wakes
from smartticket_daemon.service import Service, Stop

log = structlog.get_logger()

HINT_SECONDS = 300.0
"""A hint connection is renewed after this long; networks drop quiet ones after 10 minutes or less."""
STUCK_SECONDS = 900.0
"""A round that lasts longer than this is taken for hung and the watchdog is no longer fed."""


def run_once(sources: Sequence[Source], work: Callable[[Source], int] = poll) -> int:
    """One round of every source, side by side; returns the exit code. Raises JournalError, ModelError."""
    if not sources:
        return 0
    with ThreadPoolExecutor(max_workers=len(sources), thread_name_prefix="source") as pool:
        codes = list(pool.map(work, sources))
    for source in sources:
        source.connector.close()
    return gravest(codes)


class Daemon:
    """Polls every source by the clock, and earlier when a source hints at news."""

    def __init__(
        self, sources: Sequence[Source], interval: float, stop: Stop, work: Callable[[Source], int] = poll
    ) -> None:
        self._sources = sources
        self._interval = interval
        self._stop = stop
        self._work = work
        self._service = Service()
        self._began: dict[str, float] = {}

    def run(self) -> int:
        """Until a stop is asked for; the action in hand is finished first. Returns the exit code.

        1. One job a source, the first round at once; a slow source never delays another.
        2. READY to the service manager, then stand by and feed the watchdog.
        3. On a stop: no new work, wake the waiting, wait for the rounds in hand, close.
        """
        scheduler = _scheduler(len(self._sources))
        jobs = [(source, self._schedule(scheduler, source)) for source in self._sources]
        scheduler.start()
        watchers = [self._watch(s.connector, job) for s, job in jobs if isinstance(s.connector, Wakes)]
        self._service.ready(f"{len(self._sources)} sources")
        log.info("ready", sources=len(self._sources))
        self._stand_by()
        self._service.stopping()
        log.info("stopping", rounds_in_hand=len(self._began))
        self._wake_all()
        scheduler.shutdown(wait=True)
        for watcher in watchers:
            watcher.join(timeout=5)
        for source in self._sources:
            source.connector.close()
        return self._stop.code

    def _schedule(self, scheduler: Any, source: Source) -> Any:
        return scheduler.add_job(
            self._round, "interval", seconds=self._interval, args=[source], next_run_time=datetime.now(UTC)
        )

    def _round(self, source: Source) -> None:
        self._began[source.name] = time.monotonic()
        try:
            self._work(source)
        except SmartTicketError as error:
            log.critical("cannot_go_on", source=source.name, error=str(error))
            self._stop.ask(error.exit_code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must end and say so
            log.critical("cannot_go_on", source=source.name, error=type(error).__name__)
            self._stop.ask(JournalError.exit_code)
        finally:
            self._began.pop(source.name, None)

    def _watch(self, connector: Wakes, job: Any) -> threading.Thread:
        thread = threading.Thread(target=self._hints, args=(connector, job), daemon=True)
        thread.start()
        return thread

    def _hints(self, connector: Wakes, job: Any) -> None:
        pause = 1.0
        while not self._stop():
            try:
                news, pause = connector.wait(HINT_SECONDS), 1.0
            except Exception as error:  # noqa: BLE001 - a hint that fails costs nothing but the hint
                log.info("hints_interrupted", error=type(error).__name__)
                news, pause = False, min(pause * 2, HINT_SECONDS)
                self._stop.wait(pause)
            if news and not self._stop():
                job.modify(next_run_time=datetime.now(UTC))

    def _wake_all(self) -> None:
        for source in self._sources:
            if isinstance(source.connector, Wakes):
                source.connector.wake()

    def _stand_by(self) -> None:
        while not self._stop.wait(self._service.beat):
            began = min(self._began.copy().values(), default=None)
            if began is None or time.monotonic() - began < STUCK_SECONDS:
                self._service.alive()


def _scheduler(workers: int) -> Any:
    from apscheduler.executors.pool import ThreadPoolExecutor as Executor
    from apscheduler.schedulers.background import BackgroundScheduler

    return BackgroundScheduler(
        executors={"default": Executor(max(1, workers))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
