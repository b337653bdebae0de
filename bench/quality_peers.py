"""What a user would otherwise take, on the same rows: TF-IDF with logistic regression, and fastText."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from bench.quality_sets import Rows


def tfidf(train: Rows, test: Rows) -> list[str]:
    """scikit-learn's TfidfVectorizer and LogisticRegression, both as they come."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    pipeline.fit([text for text, _ in train], [label for _, label in train])
    return list(pipeline.predict([text for text, _ in test]))


def fasttext_here() -> bool:
    """Whether fastText is installed."""
    return find_spec("fasttext") is not None


def fasttext(train: Rows, test: Rows, seed: int = 0) -> list[str]:
    """The labels that `fasttext_model` finds for the test rows."""
    predict = fasttext_model(train, seed)
    return [predict(text) for text, _ in test]


def fasttext_model(train: Rows, seed: int = 0) -> Callable[[str], str]:
    """fastText with word pairs, 25 epochs and a learning rate of 0.5, its usual setting for short texts.

    Rows are shuffled first: it learns in file order, and files sorted by label cost it points.
    """
    import fasttext as library

    labels = sorted({label for _, label in train})
    number = {label: f"__label__{n}" for n, label in enumerate(labels)}
    shuffled = random.Random(seed).sample(train, len(train))
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(scratch) / "rows.txt"
        path.write_text("".join(f"{number[label]} {_line(text)}\n" for text, label in shuffled), "utf-8")
        model = library.train_supervised(
            str(path), epoch=25, lr=0.5, wordNgrams=2, thread=1, seed=seed, verbose=0
        )

    def predict(text: str) -> str:
        (best,), _ = model.predict(_line(text))
        return labels[int(best.removeprefix("__label__"))]

    return predict


def _line(text: str) -> str:
    """Lower case, on one line: fastText knows neither."""
    return " ".join(text.lower().split())
