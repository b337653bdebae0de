"""Agents who act exactly between the connector's read and its write: whoever came first, people win.

    python bench/helpdesk_races.py --service zendesk|freshdesk|request_tracker [--races 1000] [--seconds S]

Tickets come in, the real pipeline with the real model reads them, and the moment a write of it reaches the
service an agent tags, re-tags, routes, answers, notes, closes, merges or deletes that very ticket, before
the write takes effect: at each of the requests that a triage there consists of, in turn. Then helpdesk and
journal are compared as in `bench/crash.py`. `request_tracker` is a real one; `--seconds` ends the races.

Freshdesk replaces tags and group whatever happened since they were read. What agents change in the width of
that one request is counted on a line of its own and is no violation; everything else is. Exit code 1 on any.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle, product
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crash import MEMORY, places
from bench.crash_helpdesks import DeskRun
from bench.crash_life import Lives, Place, World
from bench.crash_points import HELPDESKS, Fate
from bench.helpdesk_people import ACTS
from bench.helpdesks import Helpdesk, Strike, ticket_of
from smartticket_daemon.assemble import Parts, build_source
from smartticket_daemon.journal import open_journal
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import poll
from tests.doubles.server import Request

AT_ONCE = 20
"""Tickets of one account."""
WINDOWS = {"zendesk": ("PUT",), "freshdesk": ("PUT", "POST", "GET"), "request_tracker": ("PUT", "POST")}
"""The write that an agent is just before; GET is the look that follows the last one."""
_VALUES = ("tag", "retag", "route")


@dataclass
class Races(DeskRun):
    """Races over one account, in this process.

    `unguarded` are tickets raced for in the width of an update that the service does not guard, `beaten`
    those of them where the person's value is gone.
    """

    unguarded: set[str] = field(default_factory=set)
    beaten: set[str] = field(default_factory=set)

    @cached_property
    def source(self) -> Source:
        journal = open_journal(self.configuration.settings.daemon.state_dir)
        parts = Parts(self.configuration, self.world.model, self.world.replies, journal)
        source = build_source("box", parts)
        self.place.attune(source)
        return source

    def live(self, fate: Fate, daemons: int = 1) -> int:  # noqa: ARG002 - nobody dies here
        """One round."""
        return poll(self.source)

    def run(self, plan: list[tuple[str, str]]) -> None:
        """One ticket for each race."""
        self.live(Fate())
        for act, window in plan:
            subject, body = self.rng.choice(self.world.texts)
            name = self.place.arrive(subject, body, "customer")
            self.people.see(name, "customer")
            self.place.watch.strikes.append(self._race(name, act, window))
        self.place.wait(130)
        if not Lives.finish(self):
            self.wrong.append("not done")
        self.source.journal.close()
        self.source.connector.close()
        self.reckon(self.place.view())
        self.passed["(people beaten in the width of one unguarded request)"] += len(self.beaten)

    def _race(self, name: str, act: str, window: str) -> Strike:
        written = 0

        def strike(request: Request) -> bool:
            nonlocal written
            if ticket_of(request) != name:
                return False
            written += request.method != "GET"
            if request.method != window or (window == "GET" and written < 2):
                return False
            if window == "PUT" and act in _VALUES and not self.place.guards:
                self.unguarded.add(name)
            self.passed[f"{act} before {window}"] += 1
            self.people.act(name, act)
            return True

        return strike

    def expect(self, holds: bool, what: str) -> None:
        """What an unguarded update did to a ticket is counted apart."""
        names = {name for name in self.unguarded if not holds and what.startswith(f"ticket {name} ")}
        self.beaten |= names
        super().expect(holds or bool(names), what)


def campaign(
    races: int, seed: int, world: World, open_place: Callable[[Path], Place], seconds: float = 3600
) -> tuple[Counter[str], list[str]]:
    """What was raced for, and every violation."""
    passed: Counter[str] = Counter()
    wrong: list[str] = []
    until, plan = time.monotonic() + seconds, None
    while raced(passed) < races and time.monotonic() < until:
        with tempfile.TemporaryDirectory(prefix="races-", dir=MEMORY) as name:
            place = open_place(Path(name))
            assert isinstance(place, Helpdesk)
            plan = plan or _plan(place.kind)
            run = Races(world, place, Path(name), random.Random(f"{seed}/{raced(passed)}"))
            try:
                run.run([next(plan) for _ in range(AT_ONCE)])
            finally:
                place.shut()
            passed += run.passed
            wrong += run.wrong
    return passed, wrong


def _plan(kind: str) -> Iterator[tuple[str, str]]:
    return cycle(product(ACTS, WINDOWS[kind]))


def raced(passed: Counter[str]) -> int:
    """How many races took place."""
    return sum(count for what, count in passed.items() if not what.startswith("("))


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--service", choices=HELPDESKS, required=True)
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.monotonic()
    with places(options.service) as open_place:
        passed, wrong = campaign(
            options.races, options.seed, World(options.seed), open_place, options.seconds
        )
    for what, count in sorted(passed.items()):
        print(f"{count:6} {what}")
    for line in wrong:
        print(line)
    took = time.monotonic() - began
    print(f"{raced(passed)} races, {options.service}: {len(wrong)} violations, {took:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
