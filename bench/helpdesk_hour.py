"""A simulated hour at a vendor's limit, with trouble: how much of what he allows becomes triaged tickets.

    python bench/helpdesk_hour.py --service zendesk|freshdesk [--minutes 60] [--faults 0.10] [--seed 1]
                                  [--budget 1] [--latency 0.05]

The real pipeline and journal work through a backlog that never ends, over real HTTP to a stateful double, on
a virtual clock on which a request takes 50 ms; beside it a naive client (read, tags, comment, field: a call
each, repeated blindly after a second) meets the same chances, described in `bench/hour_trouble.py`.

ceiling      tickets that got their tags and group, of the updates that the vendor allows in that time. Of
             what meets trouble, the service counts what it took on: lost answers and conflicts, not what was
             refused with 429, answered 5xx in front of it, or cut off before it arrived.
done         tickets that got all: tags, group and note. Those that met trouble wait for their turn.
write calls  of a ticket (of half a ticket where it got its update and not its note yet), twice: those that
             the service took on (the goal is for these), and all that were sent. The difference was refused
             or cut off before the service saw it, and had to be sent again.
avoidable    429 for a limit that an earlier answer had announced. Freshdesk does not announce its limit on
             updates; each minute's end shows in one refused update there.

Exit code 1: a goal is missed, a ticket is lost or doubled, or a request was sent while told to wait.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import requests
import structlog

from bench.hour_shops import Freshdesk, Shop, Zendesk
from bench.hour_trouble import Trouble
from smartticket_daemon.journal import open_journal
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import poll
from tests.desk import Desk
from tests.doubles.hour import Hour

INTERVAL = timedelta(seconds=60)
SHARE, LATENCY = 0.95, 0.05
UNANNOUNCED = "PUT /api/vN/tickets/N"
"""What Freshdesk limits without saying so."""
SHOPS = {"zendesk": Zendesk, "freshdesk": Freshdesk}


@dataclass(frozen=True)
class Figures:
    """What one client made of its hour."""

    minutes: float
    allowed: float
    updated: int
    noted: int
    done: int
    doubled: int
    lost: int
    sent: int
    counted: int
    reads: int
    limited: Counter[str]
    early: int
    wrong: list[str]

    @property
    def ceiling(self) -> float:
        return self.updated / (self.allowed * self.minutes)

    @property
    def tickets(self) -> float:
        return max((self.updated + self.noted) / 2, 1)


@dataclass
class World:
    """One shop, its clock, and customers who write faster than the vendor lets anybody answer."""

    shop: Shop
    minutes: float
    tickets: list[str]
    began: datetime

    @classmethod
    def make(
        cls,
        service: str,
        minutes: float,
        faults: float,
        seed: int,
        latency: float = LATENCY,
        updates: int | None = None,
    ) -> World:
        hour = Hour()
        trouble = Trouble(hour, faults, seed, latency)
        return cls(SHOPS[service](hour, trouble, updates), minutes, [], hour.at)

    @property
    def until(self) -> datetime:
        return self.began + timedelta(minutes=self.minutes)

    def open(self) -> None:
        """From now on the hour runs: three minutes' work lies there, and more comes than can be done."""
        self.began = self.shop.hour.at
        self.shop.trouble.each = self._customers
        self._customers()
        self.shop.hour.forward(120)
        self.began = self.shop.hour.at

    def _customers(self) -> None:
        at = min(self.shop.hour.at, self.until)
        minutes = 3 + 1.1 * max((at - self.began).total_seconds(), 0) / 60
        with self.shop.double.lock:
            while len(self.tickets) < self.shop.updates * minutes:
                self.tickets.append(self.shop.create())

    def over(self) -> bool:
        return self.shop.hour.at >= self.until

    def look(self) -> Counter[str]:
        """How many tickets stand how."""
        found: Counter[str] = Counter()
        for notes, updated in map(self.shop.standing, self.tickets):
            found["updated"] += updated
            found["noted"] += bool(notes)
            found["done"] += updated and notes == 1
            found["doubled"] += notes > 1
        return found


def ours(world: World, folder: Path, budget: float) -> Figures:
    """The real pipeline, for so many minutes; then all the rest, without limits or trouble."""
    shop, hour, desk = world.shop, world.shop.hour, Desk(folder)
    desk.clock = hour.now  # type: ignore[assignment]
    desk.journal = open_journal(folder / "journal")
    connector = shop.connector(folder, budget)
    with shop.trouble.calm():
        poll(desk.source(connector=connector))
    world.open()
    serve(desk.source(connector=connector, stopping=world.over), hour, world.until)
    figures = measured(world, budget)
    shop.unlimited()
    while desk.ledger().get("seen", 0) < len(world.tickets) or desk.ledger().get("pending"):
        serve(desk.source(connector=connector), hour, hour.at + INTERVAL)
    ledger, last = desk.ledger(), world.look()
    desk.journal.close()
    if ledger != {"seen": len(world.tickets), "applied": len(world.tickets)}:
        figures.wrong.append(f"the ledger says {ledger} of {len(world.tickets)} tickets")
    lost = len(world.tickets) - last["done"] - last["doubled"]
    return replace(figures, lost=lost, doubled=last["doubled"])


def serve(source: Source, hour: Hour, until: datetime) -> None:
    """Rounds as the daemon makes them: by the interval, or when a wait that was asked for is over."""
    while hour.at < until:
        due = hour.at + INTERVAL
        poll(source)
        resume = source.journal.health(source.name).not_before
        hour.forward(max((min(resume or due, due) - hour.at).total_seconds(), 0.001))


def naive(world: World) -> Figures:
    """A thing at a time, and again after a second until it seems to work; told each ticket by its number."""
    world.open()
    with requests.Session() as session:
        for ticket in map(world.tickets.__getitem__, count()):
            headers, calls = world.shop.naive(ticket)
            for method, path, body in calls:
                while not world.over() and not works(
                    session, method, world.shop.double.url + path, headers, body
                ):
                    world.shop.hour.forward(1)
            if world.over():
                return measured(world, 1.0)
    raise AssertionError("unreachable: the hour ends before the tickets do")


def works(session: requests.Session, method: str, url: str, headers: dict[str, str], body: Any) -> bool:
    """One call as it comes."""
    try:
        return session.request(method, url, headers={"Accept": "application/json", **headers}, json=body).ok
    except requests.RequestException:
        return False


def measured(world: World, budget: float) -> Figures:
    """The figures at the end of the hour."""
    trouble, look = world.shop.trouble, world.look()
    return Figures(
        minutes=world.minutes,
        allowed=world.shop.updates * budget,
        updated=look["updated"],
        noted=look["noted"],
        done=look["done"],
        doubled=look["doubled"],
        lost=0,
        sent=trouble.writes(trouble.sent),
        counted=trouble.writes(trouble.counted),
        reads=trouble.sent.total() - trouble.writes(trouble.sent),
        limited=Counter(trouble.limited),
        early=len(trouble.early),
        wrong=world.shop.wrong(),
    )


def show(name: str, figures: Figures, announced: bool) -> None:
    """One client's lines."""
    limited = figures.limited.total()
    avoidable = avoidable_of(figures, announced=announced)
    print(
        f"{name:6} ceiling {figures.ceiling:.3f}, done {figures.done / figures.minutes:.1f} a minute;"
        f" write calls a ticket {figures.counted / figures.tickets:.3f} taken on,"
        f" {figures.sent / figures.tickets:.3f} sent; reads {figures.reads / figures.tickets:.2f}"
    )
    print(
        f"{'':6} 429 at a limit {limited}, avoidable {avoidable}; sent while told to wait {figures.early};"
        f" tickets doubled {figures.doubled}, lost {figures.lost}"
    )
    for line in figures.wrong[:5]:
        print(f"{'':6} WRONG {line}")


def avoidable_of(figures: Figures, *, announced: bool) -> int:
    """429 of limits; where the one on updates is not announced, the others."""
    return figures.limited.total() - (0 if announced else figures.limited[UNANNOUNCED])


def faults_of(figures: Figures, goal: float, share: float) -> list[str]:
    """What is not as it should be."""
    counted = figures.counted / figures.tickets
    missed = [f"{figures.ceiling:.3f} of the ceiling, below {share}"] if figures.ceiling < share else []
    missed += [f"{counted:.3f} write calls a ticket, above {goal}"] if counted > goal else []
    never = {"doubled": figures.doubled, "lost": figures.lost, "sent while told to wait": figures.early}
    return missed + [f"{n} {what}" for what, n in never.items() if n] + figures.wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--service", choices=SHOPS, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--faults", type=float, default=0.10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=LATENCY, help="virtual seconds that a request takes")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.monotonic()
    make = partial(
        World.make, options.service, options.minutes, options.faults, options.seed, options.latency
    )
    with tempfile.TemporaryDirectory() as folder:
        with (mine := make()).shop.double:
            figures = ours(mine, Path(folder), options.budget)
        with (other := make()).shop.double:
            beside = naive(other)
    print(
        f"{options.service}: {options.minutes:g} simulated minutes, {mine.shop.updates} updates a minute,"
        f" budget {options.budget:g}, trouble with {options.faults:.0%} of the requests:"
        f" {dict(mine.shop.trouble.struck)}; {time.monotonic() - began:.0f} s"
    )
    announced = options.service == "zendesk"
    show("ours", figures, announced)
    show("naive", beside, announced)
    wrong = faults_of(figures, mine.shop.writes_goal, SHARE if options.budget == 1 else 0)
    print("as it should be" if not wrong else f"NOT as it should be: {'; '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
