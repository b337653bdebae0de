"""Several sources, and a daemon that runs them in a thread."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from smartticket_daemon.pipeline import Source
from smartticket_daemon.runner import Daemon
from smartticket_daemon.service import Stop
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import Desk

PATIENCE = 20.0


class Closes(InMemoryConnector):
    """Remembers that it was let go of."""

    closed = False

    def close(self) -> None:
        self.closed = True


def several(desk: Desk, names: str) -> list[Source]:
    return [
        replace(desk.source(), name=name, connector=Closes(name, desk.settings)) for name in names.split()
    ]


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
