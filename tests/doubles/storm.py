"""A service whose limits storm: 429 for everything or for updates, for a while, announced in every form."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from email.utils import format_datetime

from tests.doubles.hour import Hour
from tests.doubles.server import HTML, Reply, Request, Server

UPDATE = "tickets-update"
MINUTE = timedelta(seconds=60)


class Storm(Server):
    """`limits` are requests a minute in all and of updates (PUT); the vendor's minutes begin with a request.

    Every 200th request or so starts a storm of 1 to 90 s, in which nothing, or no update, is let through;
    every 50th meets a 500, every 100th is slow. `arrived` are the moments of all requests by limit, `taken`
    counts those that were let through in each of the vendor's minutes, `early` those sent though they had
    been told to wait, `over` the 429 of the limits themselves, `forms` what was seen of storms.
    """

    def __init__(self, hour: Hour, seed: int, limits: dict[str, int]) -> None:
        self.hour = hour
        self.limits = limits
        self.dice = random.Random(seed)
        self.arrived: dict[str, list[float]] = {name: [] for name in limits}
        self.taken: Counter[tuple[str, datetime]] = Counter()
        self.forms: Counter[str] = Counter()
        self.early = 0
        self.over = 0
        self._begun = dict.fromkeys(limits, hour.at - 2 * MINUTE)
        self._until = dict.fromkeys(limits, hour.at)
        super().__init__()

    def handle(self, request: Request) -> Reply:
        self._pass()
        reply = self._answer(request)
        self._pass()
        return reply

    def _pass(self) -> None:
        slow = self.dice.random() < 0.01
        self.hour.forward(self.dice.uniform(0, 3 if slow else 0.05))

    def _answer(self, request: Request) -> Reply:
        names = ["", UPDATE] if request.method == "PUT" else [""]
        now = self.hour.at
        for name in names:
            self.arrived[name].append(self.hour.monotonic())
        self.early += any(now < self._until[name] for name in names)
        if self.dice.random() < 0.005:
            self._begin(self.dice.choice(names))
        for name in names:
            if now < self._until[name]:
                return self._wait(name, self._until[name])
        if self.dice.random() < 0.02:
            return Reply(500, HTML, self._headers(names))
        for name in names:
            if end := self._full(name):
                self.over += 1
                self._until[name] = end
                return self._wait(name, end)
        for name in names:
            self.taken[name, self._begun[name]] += 1
        return Reply(200, {}, self._headers(names))

    def _begin(self, name: str) -> None:
        self._until[name] = self.hour.at + timedelta(seconds=self.dice.randint(1, 90))

    def _full(self, name: str) -> datetime | None:
        """When the minute ends, where its limit is used up."""
        if self.hour.at - self._begun[name] >= MINUTE:
            self._begun[name] = self.hour.at
        full = self.taken[name, self._begun[name]] >= self.limits[name]
        return self._begun[name] + MINUTE if full else None

    def _wait(self, name: str, until: datetime) -> Reply:
        """Retry-After in either form; whole seconds, never too few."""
        seconds = -(-(until - self.hour.at) // timedelta(seconds=1))
        form = self.dice.choice(["seconds", "date"])
        self.forms[f"{name or 'account'}, {form}"] += 1
        date = format_datetime(self.hour.at + timedelta(seconds=seconds), usegmt=True)
        told = {"Retry-After": date if form == "date" else str(seconds)}
        spent = {f"zendesk-ratelimit-{UPDATE}": f"total={self.limits[name]}; remaining=0; resets={seconds}"}
        return Reply(429, None, self._date() | told | ({**self._account(), **spent} if name else {}))

    def _date(self) -> dict[str, str]:
        return {"Date": format_datetime(self.hour.at, usegmt=True)}

    def _headers(self, names: list[str]) -> dict[str, str]:
        headers = self._date() | self._account()
        if UPDATE in names:
            word = self.dice.choice(["ratelimit", "rate-limit"])
            total, left, resets = self._left(UPDATE)
            headers[f"zendesk-{word}-{UPDATE}"] = f"total={total}; remaining={left}; resets={resets}"
        return headers

    def _account(self) -> dict[str, str]:
        total, left, resets = map(str, self._left(""))
        one = {"X-Rate-Limit": total, "X-Rate-Limit-Remaining": left, "ratelimit-reset": resets}
        other = {"X-RateLimit-Total": total, "X-RateLimit-Remaining": left}
        return self.dice.choice([one, other])

    def _left(self, name: str) -> tuple[int, int, int]:
        begun = self._begun[name]
        gone = self.hour.at - begun
        left = self.limits[name] - (self.taken[name, begun] if gone < MINUTE else 0)
        return self.limits[name], left, max(int((MINUTE - gone).total_seconds()), 0)
