"""The process as a service: stop signals, and what systemd hears of us."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class Service:
    """Speaks to the service manager through $NOTIFY_SOCKET (sd_notify(3))."""

    def __init__(self) -> None:
        self._listening = bool(os.environ.get("NOTIFY_SOCKET"))
        watchdog = int(os.environ.get("WATCHDOG_USEC", "0") or 0) / 1_000_000
        self.beat = min(watchdog / 3, 10.0) if watchdog else 10.0
        """Seconds between two signs of life: a third of the watchdog's patience."""

    def ready(self, status: str) -> None:
        """Start-up is complete."""
        self._tell("READY")
        self._tell("STATUS", status)

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG")

    def stopping(self) -> None:
        """Shutting down in good order."""
        self._tell("STOPPING")

    def _tell(self, name: str, value: str = "") -> None:
        if not self._listening:
            return
        from cysystemd.daemon import Notification, notify

        notify(Notification[name], value)


class Stop:
    """Set by SIGTERM or SIGINT; a second signal ends the process at once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._signalled = False
        self.code = 0

    def install(self) -> None:
        """Take over SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own form
        if self._signalled:
            os._exit(128 + number)
        self._signalled = True
        # The handler may interrupt this very thread inside the event's lock; another thread may wait for it.
        threading.Thread(target=self._event.set, daemon=True).start()

    def __call__(self) -> bool:
        """True once a stop was asked for."""
        return self._signalled or self._event.is_set()

    def ask(self, code: int = 0) -> None:
        """Stop with this exit code; the first one counts."""
        self.code = self.code or code
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep up to `seconds`; True when a stop was asked for."""
        return self._event.wait(seconds)
