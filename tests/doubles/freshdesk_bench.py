"""The double, the pipeline and a connector, all at one clock that is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_daemon.domain import MessageRef, Note, Triage
from smartticket_daemon.http import Clock as HttpClock
from tests.desk import Clock, Desk
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import FreshdeskHarness, settings_for
from tests.doubles.server import HTML, Reply, Request

PLAN = Triage(("category__billing",), "Billing", Note("Hello Ann,\n\nwe look into it.", "billing.en"))
WRITES = ("PUT", "POST", "DELETE")
ODD = [Reply(200, body) for body in (HTML, None, b"\xff\x00\xfe", [1], "x", {})]
"""Answers of something that is not the service."""


class Bench:
    """A double and the pipeline, all at one clock that is set."""

    def __init__(self, double: FreshdeskDouble, clock: Clock, folder: Path) -> None:
        self.double, self.account, self.clock = double, double.account, clock
        self.desk = Desk(folder)
        self.desk.clock = clock
        self.harness = FreshdeskHarness(double, folder)
        self._folder = folder

    def connector(self, **more: Any) -> FreshdeskConnector:
        connector = FreshdeskConnector("support", settings_for(self.double, self._folder, **more))
        connector._api.session.clock = HttpClock(
            lambda: self.clock().timestamp(), self.clock, lambda seconds: self.clock.forward(seconds=seconds)
        )
        return connector

    def one(self, **more: Any) -> tuple[FreshdeskConnector, MessageRef]:
        """A new ticket, fetched; what is read once for all is read."""
        name = self.account.deliver("billing 0.9", "Where is my invoice?")
        connector = self.connector(**more)
        list(connector.fetch(None))
        connector.check(["Billing"])
        return connector, connector._reader.ref(int(name))

    def requests(self, since: int, *methods: str) -> list[Request]:
        return [r for r in self.double.requests[since:] if not methods or r.method in methods]


def standing(bench: Bench, name: str) -> tuple[list[str], str | None, int]:
    """Tags, group and number of notes."""
    sight = bench.harness.look(name)
    return sorted(sight.tags), sight.group, len(sight.notes)
