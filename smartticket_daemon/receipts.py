"""Written: receipts on their way into the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from smartticket_daemon.domain import Key, Receipt
from smartticket_daemon.ports import Journal

PATIENCE = 0.2
"""Seconds a receipt may wait for others to share a commit with."""


class Written:
    """Receipts on their way into the journal: several share a commit, none waits for longer than PATIENCE.

    Should the process die before, these messages are still claimed and will be looked up.
    """

    def __init__(self, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock
        self._receipts: dict[Key, Receipt] = {}
        self._stored = time.monotonic()

    def add(self, key: Key, receipt: Receipt) -> None:
        """Take one in."""
        self._receipts[key] = receipt
        if time.monotonic() - self._stored > PATIENCE:
            self.store()

    def store(self) -> None:
        """Commit what there is."""
        if self._receipts:
            self._journal.complete(self._receipts, self._clock())
        self._receipts, self._stored = {}, time.monotonic()
