"""A process that dies again and again while its source changes: what all campaigns share."""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.crash_points import LOST, Fate, lost_answers, points
from smartticket_config.settings import Configuration, Settings, load
from smartticket_daemon.assemble import Parts, build_source, load_model, load_replies
from smartticket_daemon.errors import SmartTicketError
from smartticket_daemon.journal import hold_state, open_journal
from smartticket_daemon.pipeline import Source
from smartticket_daemon.ports import LEDGER_WORDS, Record
from smartticket_daemon.runner import run_once
from tests.mixed import mixed, texts

LIVES = 25
"""A daemon that is left alone must be done long before."""
HELD = 75
_STRIDE = 7
"""Shares no factor with any number of points, so that every run meets another and few runs meet all kinds."""
_SETTINGS = """
[daemon]
state_dir = "{state}"
retry_base = "1ms"
lease = "1ms"
[policy]
mode = "suggest"
{categories}
[sources.box]
kind = "{kind}"
start = "all"
"""


class World:
    """What all runs share, made once and inherited by every fork."""

    def __init__(self, seed: int) -> None:
        everything = mixed(1500, seed)
        self.eligible = [m for m in everything if m.fate == "eligible"]
        self.machine = [m for m in everything if m.fate != "eligible"]
        self.texts = list(islice(texts(random.Random(seed)), 1500))
        self.model, self.replies = load_model(Settings()), load_replies(Settings())
        with tempfile.TemporaryDirectory() as folder:  # what this loads no fork has to load again
            open_journal(Path(folder) / "state").close()


class Place(ABC):
    """Where customers' messages arrive: `kind` and `settings` make it a source."""

    kind: str
    routes: dict[str, str]

    @abstractmethod
    def settings(self) -> str:
        """The source's own lines of the settings file."""

    @abstractmethod
    def view(self) -> Any:
        """Everything there is, comparable."""

    def still(self) -> AbstractContextManager[Any]:
        """Nothing happens here meanwhile, so that the process can fork."""
        return nullcontext()

    def attune(self, source: Source) -> None:  # noqa: B027 - most places have no time of their own
        """In the forked child: the connector lives by this place's time."""

    def settle(self) -> None:  # noqa: B027 - nor anything under way
        """Wait until what a dead process asked for last has been carried out."""

    def shut(self) -> None:  # noqa: B027
        """Let go of it."""


P = TypeVar("P", bound=Place)


@dataclass
class Lives(ABC, Generic[P]):
    """`passed` counts deaths and lost answers by point, `wrong` says what is not as it must be."""

    world: World
    place: P
    folder: Path
    rng: random.Random
    passed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @cached_property
    def configuration(self) -> Configuration:
        file = self.folder / "smartticket.toml"
        categories = "\n".join(
            f'[categories.{name}]\nroute = "{route}"\nthreshold = 0.4'
            for name, route in self.place.routes.items()
        )
        state = self.folder / "state"
        text = _SETTINGS.format(state=state, kind=self.place.kind, categories=categories)
        file.write_text(text + self.place.settings(), "utf-8")
        return load(file)

    @abstractmethod
    def arrive(self, count: int) -> None:
        """New messages."""

    @abstractmethod
    def person(self) -> None:
        """Somebody works on one of them."""

    @abstractmethod
    def reckon(self, shown: Any) -> None:
        """Compare what the place shows with the journal; fills `wrong`."""

    def prepare(self) -> None:
        """Before each life that may end badly."""

    def go(self, fates: list[Fate], daemons: int = 1) -> None:
        """Live through every fate with messages and people in between, then on to the end, then reckon."""
        self.arrive(self.rng.randint(3, 6))
        for fate in fates:
            self.prepare()
            self.live(fate, daemons)
            if self.rng.random() < 0.5:
                self.arrive(self.rng.randint(1, 2))
            if self.rng.random() < 0.6:
                self.person()
        if not self.finish():
            self.wrong.append(f"not done after {LIVES} lives")
        shown = self.place.view()
        self.live(Fate(), 1)
        if self.place.view() != shown:
            self.wrong.append("a round with nothing to do changed something")
        self.reckon(shown)

    def finish(self) -> bool:
        """Whether a daemon that nobody disturbs any more gets done."""
        return any(self.live(Fate(), 1) == 0 for _ in range(LIVES))

    def live(self, fate: Fate, daemons: int = 1) -> int:
        """One life of a daemon (or of several at once); returns the exit code, negative for a signal."""
        configuration = self.configuration
        children = [self._fork(configuration, fate if n == 0 else Fate()) for n in range(daemons)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        self.place.settle()
        if codes[0] == -signal.SIGKILL or (self.folder / "told").exists():
            self.passed[fate.point] += 1
            (self.folder / "told").unlink(missing_ok=True)
        elif codes[0] == -signal.SIGALRM:
            self.passed["at a random time"] += 1
        if daemons > 1 and HELD in codes:
            self.passed["second daemon refused"] += 1
        for code in codes:
            if code not in (0, 69, HELD, -signal.SIGKILL, -signal.SIGALRM):
                self.wrong.append(f"exit code {code} at {fate.point}")
        return codes[0]

    def _fork(self, configuration: Configuration, fate: Fate) -> int:
        with self.place.still():
            pid = os.fork()
        if pid:
            return pid
        code = 70
        try:
            sys.stdout = sys.stderr = (self.folder / "log").open("a", 1, "utf-8")
            replace(fate, told=self.folder / "told").install(self.place.kind)
            state = configuration.settings.daemon.state_dir
            with hold_state(state):
                journal = open_journal(state)
                parts = Parts(configuration, self.world.model, self.world.replies, journal)
                source = build_source("box", parts)
                self.place.attune(source)
                code = run_once([source])
                journal.close()
        except SmartTicketError as error:
            code = error.exit_code
        except BaseException:  # noqa: BLE001 - the log tells, and the exit code
            traceback.print_exc()
        finally:
            os._exit(code)

    def records(self) -> Iterator[Record]:
        """Everything that the journal holds, its ledger checked on the way."""
        journal = open_journal(self.configuration.settings.daemon.state_dir)
        records, ledger = journal.find(""), journal.ledger().get("box", {})
        journal.close()
        self.expect(ledger["seen"] == sum(ledger[w] for w in LEDGER_WORDS[1:]), f"the ledger leaks: {ledger}")
        self.expect(ledger["seen"] == len(records), "the ledger and the records differ")
        self.expect(ledger["pending"] == 0, f"work is left: {ledger}")
        self.expect(ledger["quarantined"] == 0, f"healthy work is quarantined: {ledger}")
        return iter(records)

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)


def fates_for(number: int, kind: str, rng: random.Random, *, answers: bool) -> list[Fate]:
    """Every point in turn, then some more at random and at random times; without any, lives in peace."""
    names = lost_answers(kind) if answers else points(kind)

    def named(point: str) -> Fate:
        error = rng.choice(LOST) if answers else None
        count = rng.randint(1, 30) if point.startswith("http.") else rng.choice((1, 1, 1, 1, 2, 3))
        return Fate(point, count, error=error)

    if not names:
        return [Fate() for _ in range(rng.randint(2, 3))]
    fates = [named(names[number * _STRIDE % len(names)])]
    while rng.random() < 0.5:
        timed = rng.random() < 0.4
        fates.append(Fate(seconds=rng.uniform(0.001, 0.15)) if timed else named(rng.choice(names)))
    return fates
