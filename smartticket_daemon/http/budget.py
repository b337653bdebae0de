"""The share of an account's rate limits that is ours, counted once for every source and job on it.

Nobody ever sleeps here: where nothing is left, RateLimited says when to come back, and whoever schedules
the work keeps that moment.

Each limit is a window of a minute that slides: a request is allowed when fewer than `share` x limit were
made in the minute before it, each counted from its answer, since nobody knows when the vendor counted it.
Unlike a bucket that refills, it keeps the share in every minute there is, however the vendor cuts his. What
other programs and people use shows in the announced remainder.

Where the whole limit is ours (a share of 1), the vendor's own count is the measure: what his last answer said
is left may be used at once, even where our sliding minute is full, since his minutes begin anew at their own
moment. A minute that slides would never make up for a pause.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from smartticket_daemon.errors import NoRoom
from smartticket_daemon.http.limits import ACCOUNT, Announced, Limit

WINDOW = 60.0
"""Seconds over which every vendor here states his limits."""

PAUSE = 60.0
"""Seconds to stay away when we are told to slow down and not for how long."""

LONGEST = 86_400.0
"""Seconds; who asks for more is taken to have a wrong clock."""


@dataclass(slots=True)
class _Window:
    """One limit: `left` by the vendor's last word, `over` ends his minute, `open` is on its way."""

    total: int | None = None
    blocked: float = 0.0
    calls: deque[float] = field(default_factory=deque)
    left: int | None = None
    over: float | None = None
    open: int = 0

    def wait(self, now: float, share: float, cost: int) -> float:
        """Seconds until `cost` more requests are allowed; 0 where they are now."""
        if now < self.blocked:
            return self.blocked - now
        wait = self._until_it_slid(now, share, cost)
        return wait if share < 1 else min(wait, self._until_said(now, cost))

    def _until_it_slid(self, now: float, share: float, cost: int) -> float:
        while self.calls and self.calls[0] <= now - WINDOW:
            self.calls.popleft()
        if self.total is None:
            return 0.0
        over = min(len(self.calls) + cost - self.ours(share), len(self.calls))
        return self.calls[over - 1] + WINDOW - now if over > 0 else 0.0

    def _until_said(self, now: float, cost: int) -> float:
        """The same by the vendor's own count; what it said is left can only have grown since."""
        if self.over is not None and now >= self.over:
            self.left, self.over = self.total, None
        if self.left is not None and self.left - self.open >= cost:
            return 0.0
        return math.inf if self.over is None else self.over - now

    def ours(self, share: float) -> int:
        """Requests a window that are ours; 0 where nothing was announced."""
        return 0 if self.total is None else max(int(self.total * share), 1)

    def take(self, now: float, cost: int) -> None:
        self.calls.extend([now] * cost)
        self.open += cost

    def answered(self, now: float, cost: int) -> None:
        """What was on its way counts from now on; whether the vendor counted it his next word will tell."""
        counted = min(self.open, cost)
        self.left = None if self.left is None else max(self.left - cost, 0)
        self.open -= counted
        for _ in range(min(counted, len(self.calls))):
            self.calls.pop()
        self.calls.extend([now] * counted)

    def learn(self, limit: Limit, now: float) -> None:
        self.total = limit.total or self.total
        self.left = limit.left
        if limit.resets is not None:
            self._ends(now + limit.resets)
        if limit.left == 0 and limit.resets is not None:
            self.block(now, limit.resets)

    def _ends(self, moment: float) -> None:
        """The minute ends within the second after `moment`: each answer in it makes that more exact."""
        same = self.over is not None and moment < self.over
        self.over = min(self.over or math.inf, moment + 1) if same else moment + 1

    def block(self, now: float, seconds: float) -> None:
        self.blocked = max(self.blocked, now + min(max(seconds, 0.0), LONGEST))


class Budget:
    """All limits of one account. Used by many threads at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._windows: dict[str, _Window] = {}

    def take(self, now: float, share: float, endpoint: str = ACCOUNT, cost: int = 1) -> None:
        """Count one request (of `cost`) to `endpoint`; raises NoRoom where the budget is spent."""
        with self._lock:
            windows = [self._window(name) for name in {ACCOUNT, endpoint}]
            wait = max(window.wait(now, share, cost) for window in windows)
            if wait > 0:
                raise NoRoom("our share of the rate limit is used up for now", retry_after=wait)
            for window in windows:
                window.take(now, cost)

    def room(self, now: float, share: float, cost: int, endpoint: str = ACCOUNT) -> None:
        """Raise NoRoom unless `cost` requests, one of them to `endpoint`, are allowed. Counts nothing.

        The wait it asks for lasts until a good part is free again, half of the account's budget or an
        eighth of the endpoint's: whoever comes back for each single request spends the former on that.
        """
        with self._lock:
            needed = [(self._window(endpoint), 1, 8), (self._window(ACCOUNT), cost, 2)]
            if all(window.wait(now, share, count) <= 0 for window, count, _ in needed):
                return
            waits = [w.wait(now, share, max(count, w.ours(share) // part)) for w, count, part in needed]
            raise NoRoom("our share of the rate limit is used up for now", retry_after=max(waits))

    def pace(self, share: float, cost: int, endpoint: str = ACCOUNT) -> float | None:
        """How often a minute allows `cost` requests, one of them to `endpoint`; None: nobody announced it."""
        with self._lock:
            needed = ((self._window(endpoint), 1), (self._window(ACCOUNT), cost))
            paces = [window.ours(share) / count for window, count in needed if window.total is not None]
            return min(paces, default=None)

    def learn(self, now: float, said: Announced, endpoint: str = ACCOUNT, cost: int = 1) -> None:
        """A request has ended: take in what its answer's headers say, nothing where no answer came.

        What it cost beyond `cost` is counted now.
        """
        with self._lock:
            for name in {ACCOUNT, endpoint}:
                window = self._window(name)
                window.answered(now, cost)
                if name in said.limits:
                    window.learn(said.limits[name], now)
            extra = max((said.used or 0) - cost, 0)
            self._window(ACCOUNT).calls.extend([now] * extra)

    def block(self, now: float, seconds: float, names: Iterable[str]) -> None:
        """No request under any of these limits for so long: the service asked for it."""
        with self._lock:
            for name in names:
                self._window(name).block(now, seconds)

    def _window(self, name: str) -> _Window:
        return self._windows.setdefault(name, _Window())


_budgets: dict[tuple[str, str], Budget] = {}
_lock = Lock()


def budget_of(base: str, account: str) -> Budget:
    """The one budget of an account in this process."""
    with _lock:
        return _budgets.setdefault((base, account), Budget())
