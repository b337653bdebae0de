"""Walks through a backlog, on a clock that is moved instead of waited for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from smartticket_daemon.backfilling import Walk
from tests.desk import START, Desk


class Patient:
    """Moves the clock instead of waiting, and remembers why."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.waits: list[tuple[datetime, str]] = []
        self.met: list[int] = []

    def moved(self, walk: Walk) -> None:
        self.met.append(walk.met)

    def wait(self, until: datetime, reason: str) -> None:
        self.waits.append((until, reason))
        self._desk.clock.now = max(until, self._desk.clock.now)


class Impatient(Patient):
    """Asks for a stop instead of waiting."""

    stopped = False

    def wait(self, until: datetime, reason: str) -> None:
        self.waits.append((until, reason))
        self.stopped = True


def backlog(desk: Desk, count: int, subject: str = "billing", **fields: Any) -> list[str]:
    """Tickets of the last days, one an hour, the oldest first."""
    begin = START - timedelta(hours=count)
    names = []
    for n in range(count):
        created = begin + timedelta(hours=n)
        names.append(desk.remote.deliver(subject, f"Text {n}", created=created, **fields))
    return names


def run(desk: Desk, since: datetime | None = None, limit: int | None = None, **source: Any) -> int:
    """One run as another process would make it."""
    return Walk(desk.source(**source), since, limit).run(Patient(desk))
