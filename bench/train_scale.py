"""How long `train` takes on real tickets and how much memory, and how both grow with the rows.

Rows are it_service_tickets (38,269), shuffled; each size is trained in a process of its own by the product's
function with its defaults, calibration included. Memory is the process's largest, children counted too.
`--rows` picks sizes, `--jobs` how many parts run at once; the exit code is 1 where a goal was missed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.quality_sets import rows

SIZES = (10_000, 20_000, 38_269)
MOST_SECONDS, MOST_MEGABYTES = 180, 2000

_TRAIN = """
import resource, sys
from smartticket_training.api import train
train(sys.argv[1], "label", text="text", out=sys.argv[2], jobs=int(sys.argv[3]))
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
processor = own.ru_utime + own.ru_stime + children.ru_utime
print((own.ru_maxrss + children.ru_maxrss) // 1024, round(processor, 1))
"""


def main() -> int:
    """Train each size, print its figures and its growth over the one before."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--jobs", type=int, default=-1)
    options = parser.parse_args()
    everything = rows("it_service_tickets", "train")
    shuffled = random.Random(0).sample(everything, len(everything))
    figures: list[tuple[int, float, int]] = []
    for size in options.rows:
        seconds, processor, megabytes = measured(shuffled[:size], options.jobs)
        growth = ""
        if figures:
            before = figures[-1]
            growth = f"; {size / before[0]:.1f} x the rows: {seconds / before[1]:.1f} x the time, "
            growth += f"{megabytes / before[2]:.1f} x the memory"
        print(
            f"{size:,} rows: {seconds:.0f} s ({processor:.0f} s of processor), {megabytes} MB{growth}",
            flush=True,
        )
        figures.append((size, seconds, megabytes))
    good = figures[-1][1] <= MOST_SECONDS and figures[-1][2] <= MOST_MEGABYTES
    print(f"goal {MOST_SECONDS} s and {MOST_MEGABYTES} MB: {'reached' if good else 'missed'}")
    return 0 if good else 1


def measured(some: list[tuple[str, str]], jobs: int) -> tuple[float, float, int]:
    """Seconds on the clock and of processor, and megabytes."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.jsonl"
        path.write_text(
            "\n".join(json.dumps({"text": text, "label": label}) for text, label in some), "utf-8"
        )
        command = [sys.executable, "-c", _TRAIN, str(path), str(Path(scratch) / "model"), str(jobs)]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        megabytes, processor = done.stdout.split()
        return time.perf_counter() - start, float(processor), int(megabytes)


if __name__ == "__main__":
    sys.exit(main())
