"""The runtime and the scikit-learn pipeline of the same training agree: labels always, figures to 1e-6."""

from __future__ import annotations

import gzip
import json
import random
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from smartticket_model import Model, load
from smartticket_training.api import train_on
from smartticket_training.corpus import dataset, load_corpus
from smartticket_training.dataset import Dataset
from smartticket_training.fit import Options
from tests.samples import samples

Pairs = list[tuple[str, str]]

TOLERANCE = 1e-6


def both(folder: Path, data: Dataset, features: str = "full") -> tuple[Model, Pipeline]:
    import joblib

    train_on(data, folder / "model", options=Options(features), pipeline=folder / "pipeline.joblib")
    return load(folder / "model"), joblib.load(folder / "pipeline.joblib")


def difference(model: Model, pipeline: Pipeline, pairs: Pairs) -> float:
    """Largest difference of any probability; the labels must be equal."""
    theirs = pipeline.predict_proba(pairs)
    assert tuple(pipeline.classes_) == model.categories
    predictions = model.predict_many(pairs)
    ours = np.array([[p.probabilities[label] for label in model.categories] for p in predictions])
    assert [p.label for p in predictions] == list(pipeline.predict(pairs))
    return float(np.abs(ours - theirs).max())


def fuzz(count: int, seed: int) -> Pairs:
    """Random texts: words of the corpus, broken words, and characters from all over Unicode."""
    generator = random.Random(seed)
    words = [word for t in load_corpus()[::40] for word in t.body.split()]
    ranges = [
        (32, 126),
        (160, 591),
        (0x370, 0x5FF),
        (0x4E00, 0x4FFF),
        (0x1F300, 0x1F6FF),
        (0, 31),
        (0xD7F0, 0xD810),
    ]

    def text() -> str:
        parts = []
        for _ in range(generator.randrange(12)):
            if generator.random() < 0.6:
                word = generator.choice(words)
                parts.append(word[: generator.randrange(len(word) + 1)] or word)
            else:
                low, high = generator.choice(ranges)
                parts.append(
                    "".join(chr(generator.randint(low, high)) for _ in range(generator.randrange(8)))
                )
        return generator.choice([" ", "\n", "", "\t ", "\u00a0"]).join(parts)

    huge = ["refund " * 9000, "x" * 50_000, "\ufdfa" * 5000]
    return [(text(), text()) for _ in range(count)] + [
        ("", ""),
        ("a", ""),
        *(("", h) for h in huge),
        (huge[0], "a"),
    ]


@pytest.fixture(scope="module", params=["full", "word"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Model, Pipeline]:
    return both(tmp_path_factory.mktemp(request.param), dataset(load_corpus()[::12]), request.param)


def test_on_the_corpus(trained: tuple[Model, Pipeline]) -> None:
    assert difference(*trained, dataset(load_corpus()[::4]).pairs) <= TOLERANCE


def test_on_fuzz(trained: tuple[Model, Pipeline]) -> None:
    assert difference(*trained, fuzz(1500, seed=3)) <= TOLERANCE


def test_with_two_labels(tmp_path: Path) -> None:
    data = dataset([t for t in load_corpus() if t.category in ("billing", "order_delivery")][::10])
    assert difference(*both(tmp_path, data), data.pairs + fuzz(100, seed=4)) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "features"), [("it_service_tickets", "full"), ("clinc150", "word"), ("natcs_dstc11", "full")]
)
def test_on_published_tickets(tmp_path: Path, name: str, features: str) -> None:
    rows = _rows(samples("data", name, "train.jsonl.gz"), 700)
    data = Dataset([("", text) for text, _ in rows], [label for _, label in rows], two_fields=False)
    unseen: Pairs = [("", text) for text, _ in _rows(samples("data", name, "test.jsonl.gz"), 1500)]
    assert difference(*both(tmp_path, data, features), unseen) <= TOLERANCE


def _rows(path: Path, count: int) -> list[tuple[str, str]]:
    """About `count` rows from all over a file sorted by label: text and one of eight labels."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [(row["text"], row["label"]) for row in map(json.loads, file)]
    labels = sorted({label for _, label in rows})[:8]
    kept = [row for row in rows if row[1] in labels]
    return list(islice(kept, 0, None, max(1, len(kept) // count)))
