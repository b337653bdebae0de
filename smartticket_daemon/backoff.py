"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartticket_daemon.errors import TransientError

LONGEST = timedelta(hours=1)
LONGEST_ASKED = timedelta(days=1)
"""What a remote asks for beyond this is taken for a mistake of its clock."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits with jitter: `base`, 2 x `base`, 4 x `base` ... at most an hour, half of it random."""

    base: timedelta = timedelta(seconds=30)
    max_attempts: int = 5
    random: Callable[[], float] = random.random

    def delay(self, attempts: int) -> timedelta:
        """The wait after the `attempts`-th failure, counted from 1."""
        full: timedelta = min(self.base * (1 << min(attempts - 1, 20)), LONGEST)
        return full * (0.5 + 0.5 * self.random())


@dataclass(slots=True)
class Look:
    """When this process last asked a source for all that is new."""

    at: datetime | None = None

    def within(self, span: timedelta, now: datetime) -> bool:
        """Whether that was less than `span` ago."""
        return self.at is not None and timedelta(0) <= now - self.at < span


def must_wait(until: datetime | None, now: datetime) -> bool:
    """Whether a wait is still on; one longer than may be asked for dates from before a clock was set back."""
    return until is not None and now < until <= now + LONGEST_ASKED


def asked_wait(error: Exception) -> timedelta | None:
    """The wait that the remote asked for, if it did."""
    seconds = error.retry_after if isinstance(error, TransientError) else None
    return None if seconds is None else timedelta(seconds=min(max(seconds, 0), LONGEST_ASKED.total_seconds()))
