"""The double at a clock that is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartticket_connectors.freshdesk import FreshdeskConnector
from tests.desk import Clock
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import settings_for
from tests.doubles.server import Request


class Town:
    """The double at a clock that is set, and connectors to it."""

    def __init__(self, double: FreshdeskDouble, clock: Clock, folder: Path) -> None:
        self.double, self.clock, self.account = double, clock, double.account
        self._folder = folder

    def connector(self, **more: Any) -> FreshdeskConnector:
        return FreshdeskConnector("support", settings_for(self.double, self._folder, **more))

    def deliver(self, count: int, *, apart: float = 0) -> list[str]:
        names = []
        for n in range(count):
            names.append(self.account.deliver(f"Question {n}", f"body {n}", f"c{n}@customer.example"))
            self.clock.forward(seconds=apart)
        return names

    def lists(self) -> list[Request]:
        return [r for r in self.double.requests if r.path == "/api/v2/tickets"]
