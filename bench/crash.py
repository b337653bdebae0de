"""kill -9 at named points and at random times: nothing lost, nothing twice, no person overruled.

    python bench/crash.py --runs 1000 --seed 1 [--connector folder|imap|zendesk|freshdesk|request_tracker]
                          [--lost-answers] [--daemons 2] [--first 0]

Each run has a place of its own: a mailbox with customers' mail, machine mail, second deliveries and answers,
or a helpdesk with tickets of customers, of machines, and of agents who were faster. The real pipeline with
the real model works on it in a forked process that ends itself at a point in turn (before and after every
commit of the journal and every step at the remote), is started again, ends again; new messages arrive and
people tag, answer, move, close, merge and delete in between, at a helpdesk also at any request of the
process. When it is done the place is compared with the journal. `--daemons 2`: two processes start at once
on one state directory.

`--lost-answers`: instead of dying, the process is told that a write failed which took effect. At a helpdesk
the answer is lost on its way, and the looks that the connector takes for it are counted.

Prints what happened at each point, and a summary; exit code 1 on any violation. What such a run left is kept
in the temporary directory as crash-run-NUMBER.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.crash_helpdesks import DeskRun
from bench.crash_life import Lives, Place, World, fates_for
from bench.crash_mailboxes import ImapBox, Mailbox, Maildir
from bench.crash_points import HELPDESKS
from bench.crash_run import Run
from bench.helpdesk_doubles import Freshdesk, Zendesk
from bench.helpdesks import Helpdesk
from bench.rt_desk import real_desks
from tests.servers.mailserver import served

Opener = Callable[[Path], Place]

_SHM = Path("/dev/shm")
LOSSES = 8
"""Answers that a helpdesk loses in each life of a daemon, where they are lost at all."""
MEMORY = _SHM if os.access(_SHM, os.W_OK) else None
"""A file system in memory where there is one: it outlives a killed process too, and syncs at once."""


@contextmanager
def places(kind: str) -> Iterator[Opener]:
    """A maker of empty mailboxes or helpdesks."""
    if kind == "imap":
        with served("dovecot.sh") as server:
            yield lambda _: ImapBox(server.account())
    elif kind == "request_tracker":
        with real_desks() as opened:
            yield opened
    else:
        yield {"folder": lambda folder: Maildir(folder / "mail"), "zendesk": Zendesk, "freshdesk": Freshdesk}[
            kind
        ]


def campaign(
    runs: int,
    seed: int,
    world: World,
    open_place: Opener,
    *,
    answers: bool = False,
    daemons: int = 1,
    first: int = 0,
) -> tuple[Counter[str], list[str]]:
    """Counts by point, and every violation with its run."""
    passed: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(first, first + runs):
        rng = random.Random(f"{seed}/{number}")
        with tempfile.TemporaryDirectory(prefix="crash-", dir=MEMORY) as name:
            place = open_place(Path(name))
            run = run_on(place, world, Path(name), rng, losses=LOSSES * answers)
            try:
                run.go(fates_for(number, place.kind, rng, answers=answers), daemons)
            finally:
                place.shut()
            passed += run.passed
            wrong += [f"run {number}: {what}" for what in run.wrong]
            if run.wrong:
                shutil.copytree(name, Path(tempfile.gettempdir()) / f"crash-run-{number}", dirs_exist_ok=True)
    return passed, wrong


def run_on(place: Place, world: World, folder: Path, rng: random.Random, losses: int = 0) -> Lives[Any]:
    """One run on one place; at a helpdesk `losses` answers to writes are lost in each life."""
    if isinstance(place, Helpdesk):
        return DeskRun(world, place, folder, rng, losses=losses)
    assert isinstance(place, Mailbox)
    return Run(world, place, folder, rng)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the number of the first run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connector", choices=("folder", "imap", *HELPDESKS), default="folder")
    parser.add_argument("--lost-answers", action="store_true")
    parser.add_argument("--daemons", type=int, default=1)
    options = parser.parse_args()
    began, first = time.monotonic(), options.first
    with places(options.connector) as open_place:
        passed, wrong = campaign(
            options.runs,
            options.seed,
            World(options.seed),
            open_place,
            answers=options.lost_answers,
            daemons=options.daemons,
            first=first,
        )
    for point, count in sorted(passed.items()):
        print(f"{count:6} {point}")
    for what in wrong:
        print(what)
    took = time.monotonic() - began
    ends = Counter({point: count for point, count in passed.items() if not point.startswith("(")})
    print(
        f"{options.runs} runs from {first}, seed {options.seed}, {options.connector}: {ends.total()} ends at "
        f"{len(ends)} points, {len(wrong)} violations, {took:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
