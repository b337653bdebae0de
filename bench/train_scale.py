"""How long `train` takes on real tickets and how much memory, and how both grow with the rows.

Rows are it_service_tickets (38,269), shuffled; each size is trained in a process of its own by the product's
function with its defaults, calibration included. Memory is the process's largest, children counted too.
`--rows` picks sizes, `--jobs` how many parts run at once; the exit code is 1 where a goal was missed.

More rows than there are (`--rows 100000 400000`) are made of them: two halves of tickets of the same
category, and a word that no other row has. They are too large for memory, and learnt piece by piece.
`--beside` trains all rows both ways instead, and measures both models on the test rows.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.quality_sets import Rows, rows

NAME = "it_service_tickets"
SIZES = (10_000, 20_000, 38_269)
MOST_SECONDS, MOST_MEGABYTES = 180, 2000
MOST_LOST = 0.01
"""So much less macro-F1 piece by piece is near enough."""

_TRAIN = """
import resource, sys
from smartticket_training.api import train
from smartticket_training.dataset import IN_MEMORY
most = int(sys.argv[4]) if len(sys.argv) > 4 else IN_MEMORY
done = train(sys.argv[1], "label", text="text", out=sys.argv[2], jobs=int(sys.argv[3]), in_memory=most)
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
processor = own.ru_utime + own.ru_stime + children.ru_utime
print((own.ru_maxrss + children.ru_maxrss) // 1024, round(processor, 1), int(done.fitted.large))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a training took: seconds on the clock and of processor, megabytes; was it piece by piece?"""

    rows: int
    seconds: float
    processor: float
    megabytes: int
    large: bool

    def __str__(self) -> str:
        way = "piece by piece" if self.large else "in memory"
        return (
            f"{self.rows:,} rows {way}: {self.seconds:.0f} s ({self.processor:.0f} s of processor), "
            f"{self.megabytes} MB"
        )


def main() -> int:
    """Train each size, print its figures and its growth over the one before."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    everything = rows(NAME, "train")
    shuffled = random.Random(0).sample(everything, len(everything))
    with tempfile.TemporaryDirectory() as scratch:
        if options.beside:
            return beside(shuffled, options.jobs, Path(scratch))
        costs: list[Cost] = []
        for size in options.rows:
            costs.append(measured(shuffled, size, options.jobs, Path(scratch) / str(size)))
            print(f"{costs[-1]}{grown(costs)}", flush=True)
    return verdict(costs)


def grown(costs: list[Cost]) -> str:
    """How much more the last one took than the one before, if that went the same way."""
    if len(costs) < 2 or costs[-2].large != costs[-1].large:
        return ""
    before, last = costs[-2:]
    times = last.processor / before.processor
    return (
        f"; {last.rows / before.rows:.1f} x the rows: {times:.1f} x the processor, "
        f"{last.megabytes / before.megabytes:.1f} x the memory"
    )


def verdict(costs: list[Cost]) -> int:
    """The goal is for all memory, and for the time of as many rows as there really are."""
    quick = all(cost.seconds <= MOST_SECONDS for cost in costs if cost.rows <= SIZES[-1])
    good = quick and all(cost.megabytes <= MOST_MEGABYTES for cost in costs)
    print(
        f"goal {MOST_SECONDS} s (up to {SIZES[-1]:,} rows) and {MOST_MEGABYTES} MB: "
        f"{'reached' if good else 'missed'}"
    )
    return 0 if good else 1


def beside(some: Rows, jobs: int, scratch: Path) -> int:
    """The same rows both ways, and what the two models make of the test rows."""
    from smartticket_training.api import evaluate

    test = scratch / "test.jsonl"
    with test.open("w", encoding="utf-8") as file:
        file.writelines(_line(text, label) for text, label in rows(NAME, "test"))
    figures = []
    for name, most in (("memory", 1 << 60), ("pieces", 0)):
        cost = measured(some, len(some), jobs, scratch / name, most)
        found = evaluate(scratch / name / "model", test, "label", text="text")
        shown = ", ".join(f"{key} {found[key]:.4f}" for key in ("accuracy", "macro_f1", "log_loss", "ece"))
        sure = f"coverage {found['coverage']:.3f}, precision there {found['precision_at_coverage']:.3f}"
        print(f"{cost}\n  {shown}, {sure}", flush=True)
        figures.append(found["macro_f1"])
    good = figures[1] >= figures[0] - MOST_LOST
    print(f"goal: at most {MOST_LOST} less macro-F1: {'reached' if good else 'missed'}")
    return 0 if good else 1


def measured(some: Rows, size: int, jobs: int, folder: Path, most: int | None = None) -> Cost:
    """Train on so many rows, in a process of its own; the model is `model` in the folder."""
    folder.mkdir()
    path = folder / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_line(text, label) for text, label in _as_many(some, size))
    command = [sys.executable, "-c", _TRAIN, str(path), str(folder / "model"), str(jobs)]
    command += [] if most is None else [str(most)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    megabytes, processor, large = done.stdout.split()
    path.unlink()
    return Cost(size, time.perf_counter() - start, float(processor), int(megabytes), large == "1")


def _as_many(some: Rows, size: int) -> Iterator[tuple[str, str]]:
    """The first of these rows, or more than there are, made of them."""
    if size <= len(some):
        yield from some[:size]
        return
    texts = defaultdict(list)
    for text, label in some:
        texts[label].append(text.split())
    chance = random.Random(0)
    for number in range(size):
        label = some[number % len(some)][1]
        one, other = chance.choice(texts[label]), chance.choice(texts[label])
        words = [*one[: len(one) // 2], f"ref{chance.getrandbits(48):x}", *other[len(other) // 2 :]]
        yield " ".join(words), label


def _line(text: str, label: str) -> str:
    return json.dumps({"text": text, "label": label}) + "\n"


if __name__ == "__main__":
    sys.exit(main())
