"""The published sets and splits that quality is measured on, and the figures that others published."""

from __future__ import annotations

import gzip
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

Rows = list[tuple[str, str]]
"""Text and label."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached on one set. `figure` is the one that is compared with the peers."""

    figure: str
    least: float
    coverage: float | None = None
    cited: tuple[tuple[str, float], ...] = ()


GOALS = {
    "it_service_tickets": Goal("macro_f1", 0.870, 0.75, (("fine-tuned DistilBERT", 0.8725),)),
    "banking77": Goal("accuracy", 0.920, 0.93, (("frozen MiniLM", 0.930),)),
    "clinc150": Goal("accuracy", 0.930, None, (("frozen MiniLM", 0.955),)),
    "natcs_dstc11": Goal("accuracy", 0.935, None, (("frozen MiniLM", 0.949),)),
}
MOST_ECE = 0.03
ASKED, LEAST_SEEN = 0.95, 0.94
LEAST_AUROC_ALONE, LEAST_AUROC, LEAST_RECALL, LEAST_IN_SCOPE = 0.95, 0.965, 0.50, 0.92


def folder() -> Path:
    """Where the sets lie: $SMARTTICKET_SAMPLES, else the folder `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("SMARTTICKET_SAMPLES") or beside) / "data"
    if not path.is_dir():
        sys.exit(
            f"the published sets are absent: {path} (set SMARTTICKET_SAMPLES to the folder that holds data/)"
        )
    return path


def file(name: str, split: str) -> Path:
    """The file of one split, as `train` or `oos_test`."""
    return folder() / name / f"{split}.jsonl.gz"


def rows(name: str, split: str) -> Rows:
    """All rows of one split, in the file's order."""
    with gzip.open(file(name, split), "rt", encoding="utf-8") as lines:
        return [(row["text"], row["label"]) for row in map(json.loads, lines)]
