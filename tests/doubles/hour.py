"""A clock that is moved by hand, and trouble that comes by chance or by what is asked."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smartticket_daemon.http import Clock
from tests.doubles.server import Fault, Request

START = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)


class Hour:
    """Shared by a double and the connector that lives by its clock."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        with self._lock:
            self.at += timedelta(seconds=seconds)

    def clock(self) -> Clock:
        """For the connector under test; its sleep takes no time at all."""
        return Clock(self.monotonic, self.now, self.forward)


@dataclass
class Troubles:
    """Called with each request: faults ordered by method and path go first, then those by chance."""

    ordered: list[tuple[str, str, Fault]] = field(default_factory=list)
    chance: float = 0.0
    kinds: Sequence[Fault] = ()
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    struck: int = 0

    def order(self, fault: Fault, method: str = "", path: str = "", times: int = 1) -> None:
        self.ordered += [(method, path, fault)] * times

    def __call__(self, request: Request) -> Fault | None:
        for entry in self.ordered:
            if request.method.startswith(entry[0]) and entry[1] in request.path:
                self.ordered.remove(entry)
                return entry[2]
        if self.chance and self.dice.random() < self.chance:
            self.struck += 1
            return self.dice.choice(self.kinds)
        return None
