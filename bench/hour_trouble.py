"""Trouble by chance in front of a double, and the count of everything that was sent to it.

Each request takes its time on the virtual clock. By chance it meets one of these, all equally likely, but for
time-outs, which are one in 200:

429        refused with Retry-After, one or two seconds, as a number or as a date; not carried out
5xx        500, 502 or 503 from in front of the service; not carried out
refused    the connection breaks before the service saw anything
lost, cut  the service carries it out, and its answer gets lost, or breaks off in the middle
conflict   an agent changes the ticket just before our update of it (409 where the service knows such)
silent     no answer for 20 virtual seconds; one half is carried out
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime

from tests.doubles.hour import Hour
from tests.doubles.server import Fault, Reply, Request, broken

SILENCE = 20.0
"""Virtual seconds after which a client gives a silent server up."""

READING = ("GET",)
_KINDS = ("429 seconds", "429 date", "500", "502", "503", "refused", "lost", "cut", "conflict")
_SILENT = 1 / 200


def kind_of(request: Request) -> str:
    """What a request asks for, whatever ticket it is about."""
    return f"{request.method} {re.sub(r'[0-9]+', 'N', request.path)}"


class Trouble:
    """Stands in front of one double: `strike` decides on each request, `watch` sees what the service says.

    `sent` counts all requests by their kind, `counted` those that the service took on, be it to say no (a
    429 it did not take on). `early` are requests sent though a 429 that arrived had said to wait: for
    everything, or, where the account had room, for requests of their kind. `limited` counts 429 of the
    service itself.
    """

    def __init__(self, hour: Hour, chance: float, seed: int, latency: float) -> None:
        self.hour = hour
        self.chance = chance
        self.latency = latency
        self.dice = random.Random(seed)
        self.each: Callable[[], None] = lambda: None
        self.conflict: Callable[[Request], None] | None = None
        self.sent: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.early: list[str] = []
        self.limited: Counter[str] = Counter()
        self._until: dict[str, datetime] = {}
        self._unheard: set[int] = set()

    @contextmanager
    def calm(self) -> Iterator[None]:
        """No trouble for a while, and counted is what comes afterwards."""
        chance, self.chance = self.chance, 0.0
        yield
        self.chance = chance
        for counts in (self.sent, self.counted, self.struck, self.limited):
            counts.clear()

    def strike(self, request: Request) -> Fault | None:
        self.hour.forward(self.latency)
        self.each()
        kind = kind_of(request)
        self.sent[kind] += 1
        waits = (self._until.get(name) for name in ("", kind))
        if any(until and self.hour.at < until for until in waits):
            self.early.append(kind)
        if self.dice.random() >= self.chance:
            return None
        fault = self._fault(request)
        if fault and (fault.lost or fault.cut):
            self._unheard.add(request.number)
        return fault

    def watch(self, request: Request, reply: Reply) -> Reply:
        kind = kind_of(request)
        if reply.status != 429:
            self.counted[kind] += 1
            return reply
        self.limited[kind] += 1
        if request.number in self._unheard:
            return reply
        room = any(
            name.lower().endswith("remaining") and value != "0" for name, value in reply.headers.items()
        )
        self._ask_to_wait(
            kind if room or "update" in str(reply.headers) else "", int(reply.headers["Retry-After"])
        )
        return reply

    def writes(self, counts: Counter[str]) -> int:
        """Of these counts the calls that write to tickets."""
        return sum(n for kind, n in counts.items() if not kind.startswith(READING) and "oauth" not in kind)

    def _ask_to_wait(self, kind: str, seconds: float) -> None:
        until = self.hour.at + timedelta(seconds=seconds)
        self._until[kind] = max(until, self._until.get(kind, until))

    def _fault(self, request: Request) -> Fault | None:
        if self.dice.random() < _SILENT:
            self.struck["silent"] += 1
            self.hour.forward(SILENCE)
            return Fault(lost=True) if self.dice.random() < 0.5 else Fault(refused=True)
        updates = self.conflict and request.method == "PUT" and request.path.rpartition("/")[2].isdigit()
        name = self.dice.choice(_KINDS if updates else _KINDS[:-1])
        self.struck[name] += 1
        if name == "conflict" and self.conflict:
            self.conflict(request)
            return None
        if name.startswith("429"):
            return self._refusal(self.dice.randint(1, 2), as_date="date" in name)
        if name.isdigit():
            return broken(int(name))
        return Fault(**{name: True})

    def _refusal(self, seconds: int, *, as_date: bool) -> Fault:
        self._ask_to_wait("", seconds)
        until = format_datetime(self.hour.at + timedelta(seconds=seconds), usegmt=True)
        headers = {"Date": format_datetime(self.hour.at, usegmt=True)}
        return Fault(Reply(429, None, headers | {"Retry-After": until if as_date else str(seconds)}))
