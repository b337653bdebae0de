"""Make the shipped model and its card: `python -m smartticket_training.default [FOLDER]`.

The last bit of a sum depends on how the processor adds. So the arithmetic is held to one thread and to the
instructions every x86-64-v3 machine has, in a process started anew, for libraries look once, when loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_EVEN = {
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "PYTHONHASHSEED": "0",
}


def main() -> int:
    """Train on nine tenths of the corpus, measure on the tenth held back, print both, and write the card."""
    from smartticket_model import artifact, load
    from smartticket_model.runtime import DEFAULT
    from smartticket_training.api import evaluate_on, train_on
    from smartticket_training.corpus import Ticket, dataset, foreign, load_corpus
    from smartticket_training.report import Facts
    from smartticket_training.report.shipped import shipped_card

    parser = argparse.ArgumentParser(prog="smartticket_training.default", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT, help="default: the shipped model's")
    parser.add_argument("--pipeline", type=Path, help="file for the same model as a scikit-learn pipeline")
    options = parser.parse_args()
    folder: Path = options.folder
    tickets = load_corpus()
    taught = dataset([t for t in tickets if not t.held_back])
    others = foreign()
    trained = train_on(taught, folder, foreign=others, pipeline=options.pipeline)
    model = load(folder)

    def measure(some: list[Ticket]) -> Mapping[str, Any]:
        return evaluate_on(model, dataset(some))

    card = shipped_card(Facts(trained), tickets, len(others), measure)
    artifact.put(folder / artifact.CARD, card.encode())
    held_back = measure([t for t in tickets if t.held_back])
    say = sys.stdout.write
    say(f"{folder}\ndigest {trained.digest}, {sum(f.stat().st_size for f in folder.iterdir()):,} bytes\n")
    _print(f"out of fold, {trained.rows} tickets", trained.metrics, say)
    _print(f"held back, {held_back['n']} tickets", held_back, say)
    for head, metrics in trained.heads.items():
        say(f"{head}, out of fold: accuracy {metrics['accuracy']}, macro_f1 {metrics['macro_f1']}\n")
    if trained.out_of_reach:
        say(f"always abstain at {trained.target_precision}: {', '.join(trained.out_of_reach)}\n")
    return 0


def _print(title: str, metrics: Mapping[str, Any], say: Callable[[str], object]) -> None:
    keys = ("accuracy", "macro_f1", "ece", "coverage", "precision_at_coverage")
    say(f"{title}: " + ", ".join(f"{key} {metrics[key]}" for key in keys) + "\n")


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in _EVEN.items()):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **_EVEN})  # noqa: S606 - ourselves again
    sys.exit(main())
