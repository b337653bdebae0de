"""Mutation testing: faults put into the code that writes, one at a time; the tests must notice each.

    python bench/mutants.py [--files work.py ...] [--share 1] [--seed 1]      the journal's write path
    python bench/mutants.py --writes                                          the connectors' writes

The journal's faults are made from its syntax (`bench/mutations.py`), all of them or a seeded share; those of
the connectors are chosen by hand (`bench/mutant_targets.py`): a note not marked as private, a key or a stamp
left out, tags replaced and not united. Each runs in a process and a copy of its own against the tests that
concern it, those that noticed most until then first. A run that takes too long counts as noticed.

Prints what nobody noticed, with its line, those that change no behaviour apart with the reason, and the
score: noticed ÷ all, the ones without effect included in all. Exit code 1: under 0.85, or a fault of
`--writes` that nobody noticed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import alembic.command  # noqa: F401 - it and those below are what all runs import
import hypothesis.stateful  # noqa: F401
import pytest
import responses  # noqa: F401
import sqlalchemy  # noqa: F401
import structlog  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mutant_targets import JOURNAL, SAME, WRITES, Target
from bench.mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
ROOTS = ("", "connectors", "model", "training", "config")
GOAL = 0.85
PATIENCE = 180.0
"""Seconds that the tests of one mutant may take."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writes", action="store_true")
    parser.add_argument("--files", nargs="+", default=[])
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        copy = _copied(Path(place))
        return _writes(copy) if options.writes else _journal(copy, options)


def _copied(place: Path) -> Path:
    copy = place / "copy"
    for name in ("smartticket_daemon", "connectors", "model", "training", "config", "tests", "docs", "bench"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def _journal(copy: Path, options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    score = [0, 0]
    for target in JOURNAL:
        path = copy / target.file
        if options.files and path.name not in options.files:
            continue
        source = path.read_text()
        chosen = [m for m in mutants(source, target.functions) if chance.random() < options.share]
        sys.dont_write_bytecode = False  # compiled once, here; a file that changes always anew
        if _noticed(copy, target.tests):
            sys.exit(f"the tests of {target.file} fail without any fault")
        sys.dont_write_bytecode = True
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()
        killed = _run(copy, target, chosen, source)
        score = [score[0] + killed, score[1] + len(chosen)]
        print(f"{path.name:12} {killed} of {len(chosen)} noticed", flush=True)
    print(f"score        {score[0]} of {score[1]} = {score[0] / max(score[1], 1):.3f}")
    return score[0] < GOAL * score[1]


def _run(copy: Path, target: Target, chosen: Sequence[Mutant], source: str) -> int:
    """How many are noticed; the others are printed."""
    path, lines, killed = copy / target.file, source.split("\n"), 0
    for mutant in chosen:
        path.write_text(mutant.source)
        if _noticed(copy, target.tests):
            killed += 1
            continue
        line = lines[mutant.line - 1].strip()
        reason = SAME.get((path.name, line, mutant.what), "NOT NOTICED")
        print(f"{path.name}:{mutant.line}: {mutant.what} | {line} | {reason}", flush=True)
    path.write_text(source)
    return killed


class Eager:
    """A plug-in of pytest's: tests that noticed most until now go first. Writes down which fails."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -_NOTICED[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.told.write_text(report.nodeid)


_NOTICED: Counter[str] = Counter()


def _noticed(copy: Path, tests: Sequence[str]) -> bool:
    told = copy.parent / "told"
    told.write_text("")
    child = os.fork()
    if not child:
        _test(copy, tests, Eager(told))
    failed = _ended(child) != 0
    _NOTICED[told.read_text()] += 1
    return failed


def _ended(child: int) -> int:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _test(copy: Path, tests: Sequence[str], eager: Eager) -> NoReturn:
    """In a process of its own, forked: what all runs import stands ready, of ours nothing."""
    code = 1
    try:
        os.setsid()
        os.chdir(copy)
        sys.path[:0] = [str(copy / root) for root in ROOTS]
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take a second
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[: len(ROOTS)])
        silence = os.open(os.devnull, os.O_RDWR)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        options = ["-x", "-q", "-p", "pytest_timeout", f"--basetemp={copy.parent / 'tests'}"]
        code = pytest.main([*options, *tests], plugins=[eager])
    finally:
        os._exit(int(code))


def _writes(copy: Path) -> int:
    """Each by hand; the tests of its connector must notice every one."""
    left = 0
    for fault in WRITES:
        path = copy / fault.file
        source = path.read_text()
        if source.count(fault.old) != 1:
            sys.exit(f"{fault.file}: not once there: {fault.old}")
        path.write_text(source.replace(fault.old, fault.new))
        begun = time.monotonic()
        noticed = _noticed(copy, fault.tests)
        path.write_text(source)
        left += not noticed
        word = "noticed" if noticed else "NOT NOTICED"
        print(f"{word:12} {time.monotonic() - begun:5.1f} s  {fault.file}: {fault.what}", flush=True)
    print(f"{len(WRITES) - left} of {len(WRITES)} noticed")
    return left > 0


if __name__ == "__main__":
    sys.exit(main())
