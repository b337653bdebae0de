"""The shipped model on published data that it has never seen, mapped to its eight categories.

The mapping and its reasons are `bench/published_categories.toml`. Test splits alone, each text once, texts of
three words or more. Printed are macro-F1 over the categories that a set has, the share of rows where the
model claims a confidence of 0.8 or more, and its precision there; last the means, with and without the set
that a grammar made. Every run is a look at these rows: docs/benchmarks.md keeps the list, and nothing is
chosen by them. `--set` measures one set alone, `--model` another artifact. The data lie in
$SMARTTICKET_SAMPLES/data, or in the folder `shared` beside.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from smartticket_model import load
from smartticket_training.dataset import normalised

HERE = Path(__file__).resolve().parent
GENERATED = "bitext_customer_service"
CLAIM, FEWEST_WORDS = 0.8, 3
GOAL_F1, GOAL_PRECISION = 0.65, 0.90


def main() -> None:
    """Measure every set of the mapping, print a line each and the means."""
    mapping = tomllib.loads((HERE / "published_categories.toml").read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=sorted(mapping))
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("SMARTTICKET_SAMPLES") or HERE.parents[1] / "shared") / "data"
    if not data.is_dir():
        sys.exit(f"no published data in {data}: set SMARTTICKET_SAMPLES")
    model = load(options.model)
    print(f"model {model.digest[:12]}; goals: mean macro-F1 {GOAL_F1}, precision {GOAL_PRECISION} at {CLAIM}")
    figures = {
        name: measured(model, list(rows(data / name / "test.jsonl.gz", categories)), name)
        for name, categories in mapping.items()
        if options.set in (None, name)
    }
    for title, names in (("all", set(figures)), (f"without {GENERATED}", set(figures) - {GENERATED})):
        if names:
            print(f"mean macro-F1, {title}: {np.mean([figures[name] for name in names]):.3f}")


def rows(path: Path, categories: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(text, category) of the rows whose label is mapped."""
    category = {label: name for name, labels in categories.items() for label in labels}
    seen: set[str] = set()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            plain = normalised("", row["text"])
            if row["label"] in category and plain not in seen and len(plain.split()) >= FEWEST_WORDS:
                seen.add(plain)
                yield row["text"], category[row["label"]]


def measured(model: object, examples: list[tuple[str, str]], name: str) -> float:
    """Print one set's line; its macro-F1."""
    predictions = model.predict_many([("", text) for text, _ in examples])  # type: ignore[attr-defined]
    true = np.array([category for _, category in examples])
    predicted = np.array([p.label for p in predictions])
    claimed = np.array([p.confidence for p in predictions]) >= CLAIM
    right = predicted == true
    present = sorted(set(true))
    f1 = float(f1_score(true, predicted, labels=present, average="macro", zero_division=0.0))
    precision = f"{right[claimed].mean():.3f}" if claimed.any() else "none"
    print(
        f"{name}: {len(true)} rows, {len(present)} categories, macro-F1 {f1:.3f}, "
        f"accuracy {right.mean():.3f}, claims {CLAIM} on {claimed.mean():.3f} with precision {precision}"
    )
    return f1


if __name__ == "__main__":
    main()
