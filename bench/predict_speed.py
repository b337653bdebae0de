"""One message: the embedded runtime against scikit-learn's own `Pipeline.predict_proba([x])`, side by side.

Both hold the same model and go through the same held-back messages, one call a message, in one thread and
round by round in turns, so that a busy machine slows both alike. Printed are the medians in ms and their
ratio, for words with character n-grams (`full`) and for words alone, and the runtime's speed over a batch.
The runtime also names the language and says what is out of scope; the pipeline does not. fastText, trained
on the same rows, is set beside where it is installed. `--rounds` says how often the messages are gone
through.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from threadpoolctl import threadpool_limits

from bench import quality_peers as peers
from smartticket_model import load
from smartticket_model.features import view
from smartticket_training.api import train_on
from smartticket_training.corpus import dataset, load_corpus
from smartticket_training.fit import Options

GOALS: dict[Literal["full", "word"], float] = {"full": 8.0, "word": 15.0}


def main() -> None:
    """Train both recipes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tickets = load_corpus()
    pairs = list(dataset([t for t in tickets if t.held_back]).pairs)
    taught = dataset([t for t in tickets if not t.held_back])
    for features, goal in GOALS.items():
        with tempfile.TemporaryDirectory() as folder:
            out, pipe = Path(folder) / "model", Path(folder) / "pipeline.joblib"
            train_on(taught, out, options=Options(features), pipeline=pipe)
            ours, theirs, batch = measure(out, pipe, pairs, rounds)
        verdict = "reached" if theirs / ours >= goal else "missed"
        print(
            f"{features}: runtime {ours:.3f} ms, scikit-learn {theirs:.3f} ms, ratio {theirs / ours:.1f} "
            f"(goal {goal:.0f}, {verdict}); batch {1000 / batch:,.0f} messages/s"
        )
    if peers.fasttext_here():
        texts = [view("text", *pair) for pair in taught.pairs]
        predict = peers.fasttext_model(list(zip(texts, taught.labels, strict=True)))
        print(f"fastText: {median(lambda pair: predict(view('text', *pair)), pairs, rounds):.3f} ms")
    else:
        print("fastText: not installed (see bench/README.md)")


def median(predict: Callable[[tuple[str, str]], object], pairs: list[tuple[str, str]], rounds: int) -> float:
    """Median ms a message of what judges one."""
    return statistics.median(timed(partial(predict, pair)) for _ in range(rounds) for pair in pairs)


def measure(out: Path, pipe: Path, pairs: list[tuple[str, str]], rounds: int) -> tuple[float, float, float]:
    """Median ms a message of the runtime and of the pipeline, and the runtime's ms a message in a batch."""
    import joblib

    model, pipeline = load(out), joblib.load(pipe)
    ours: list[float] = []
    theirs: list[float] = []
    with threadpool_limits(1):
        for _ in range(rounds):
            ours += [timed(partial(model.predict, *pair)) for pair in pairs]
            theirs += [timed(partial(pipeline.predict_proba, [pair])) for pair in pairs]
        batch = timed(lambda: model.predict_many(pairs)) / len(pairs)
    return statistics.median(ours), statistics.median(theirs), batch


def timed(work: Callable[[], object]) -> float:
    """How long `work` takes, in ms."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
