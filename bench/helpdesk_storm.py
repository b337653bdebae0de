"""Sources and jobs on one account under storms of 429: nobody calls while told to wait, the budget is kept.

    python bench/helpdesk_storm.py [--calls 10000] [--seed 1] [--budgets 0.25 0.5 1]

For each budget so many calls, reads and updates, by six jobs of three sources of one account, on a virtual
clock and over real HTTP: `tests/doubles/storm.py` says what they meet. Retry-After comes in seconds and as a
date, the rates in both spellings, with and without the moment when they begin anew.

fullest minute   the most requests in any 60 s there are, of the budget's; for a budget of 1 the most that the
                 vendor let through in one of his own minutes, of his limit

Exit code 1: a request was sent inside a Retry-After window, a minute held over 2 % more than the budget, or a
limit that had been announced was run into.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from smartticket_daemon.errors import RateLimited, Unreachable
from smartticket_daemon.http import HelpdeskSettings, Session
from tests.doubles.hour import Hour
from tests.doubles.storm import UPDATE, Storm

LIMITS = {"": 400, UPDATE: 100}
SLACK = 1.02


class Key:
    """Credentials of a source."""

    def headers(self, session: Session) -> Mapping[str, str]:  # noqa: ARG002 - part of the protocol
        return {"Authorization": "Bearer key"}

    def renew(self, session: Session) -> bool:  # noqa: ARG002
        return False


@dataclass
class Job:
    """Calls whenever it may: `due` is when it wants to call next."""

    session: Session
    writes: bool
    due: float

    def call(self) -> None:
        if self.writes:
            self.session.room(1, UPDATE)
            self.session.write("PUT", "/tickets/1", {"tags": ["x"]}, endpoint=UPDATE)
        else:
            self.session.get("/tickets/1")


@dataclass(frozen=True)
class Result:
    """What one budget's calls came to; `fullest` by limit, 1 being all of the budget."""

    budget: float
    calls: int
    minutes: float
    early: int
    over: int
    fullest: dict[str, float]
    storms: dict[str, int]

    @property
    def wrong(self) -> bool:
        return bool(self.early or self.over) or any(part > SLACK for part in self.fullest.values())


def weather(budget: float, calls: int, seed: int) -> Result:
    """So many calls under one budget."""
    hour, dice = Hour(), random.Random(seed)
    began = hour.monotonic()
    with Storm(hour, seed, LIMITS) as double:
        settings = HelpdeskSettings(kind="storm", url=double.url, budget=budget)
        sessions = [Session(settings, Key(), clock=hour.clock()) for _ in range(3)]
        jobs = [Job(session, writes, began) for session in sessions for writes in (False, True)]
        while len(double.requests) < calls:
            job = min(jobs, key=lambda job: job.due)
            hour.forward(max(job.due - hour.monotonic(), 0) + 0.02)
            job.due = hour.monotonic() + work(job) + dice.uniform(0, 0.2)
        for session in sessions:
            session.close()
        assert not double.errors
        minutes = (hour.monotonic() - began) / 60
        fullest = {name or "account": fullest_minute(double, name, budget) for name in LIMITS}
        forms = dict(double.forms)
    return Result(budget, len(double.requests), minutes, double.early, double.over, fullest, forms)


def work(job: Job) -> float:
    """One call; the seconds that the job is to wait before the next."""
    try:
        job.call()
    except RateLimited as error:
        return error.retry_after or 0.0
    except Unreachable:
        return 0.0
    return 0.0


def fullest_minute(double: Storm, name: str, budget: float) -> float:
    """The most requests in a minute, of the budget's."""
    if budget == 1:
        return max(n for (limit, _), n in double.taken.items() if limit == name) / LIMITS[name]
    times, first, most = double.arrived[name], 0, 0
    for last, moment in enumerate(times):
        while times[first] <= moment - 60:
            first += 1
        most = max(most, last - first + 1)
    return most / (LIMITS[name] * budget)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budgets", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    options = parser.parse_args()
    wrong = False
    for budget in options.budgets:
        began = time.monotonic()
        result = weather(budget, options.calls, options.seed)
        wrong |= result.wrong
        full = ", ".join(f"{name} {part:.3f}" for name, part in result.fullest.items())
        print(
            f"budget {budget:g}: {result.calls} calls in {result.minutes:.0f} simulated minutes"
            f" ({time.monotonic() - began:.0f} s); inside a Retry-After window {result.early}; fullest minute"
            f" {full}; 429 at an announced limit {result.over}; 429 of storms {result.storms}"
        )
    print("NOT as it should be" if wrong else "as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
