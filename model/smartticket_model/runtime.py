"""The embedded model at work: predictions, their reasons, and thresholds for a target precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartticket_daemon.domain import Prediction
from smartticket_daemon.errors import ModelError
from smartticket_model import artifact
from smartticket_model.curve import Curve, thresholds_at
from smartticket_model.explain import contributions
from smartticket_model.features import ANALYZERS, HASH_SIZE, VIEWS, Block
from smartticket_model.language import Languages
from smartticket_model.scope import Scope, signs
from smartticket_model.space import Space, Vector

DEFAULT = Path(__file__).parent / "default"


def load(path: str | Path | None = None, digest: str | None = None) -> Model:
    """The model in folder `path`, or the shipped default; `digest` pins one artifact.

    Raises ModelError, which says what is wrong and what to do.
    """
    folder = DEFAULT if path is None else Path(path)
    manifest, arrays, found = artifact.read(folder, digest)
    try:
        return Model(manifest, arrays, found)
    except ModelError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
        raise ModelError(f"model {folder} does not hold together; train it again") from None


@dataclass(frozen=True, slots=True)
class _Head:
    """A further head: where its labels' columns begin and end among the weights."""

    labels: tuple[str, ...]
    start: int
    end: int


class Model:
    """One loaded artifact. Immutable, so any number of threads may use it at once."""

    def __init__(self, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], digest: str) -> None:
        self.digest = digest
        self.manifest = manifest
        self._space = _space(manifest["features"], arrays)
        head = manifest["heads"]["category"]
        self.categories: tuple[str, ...] = _labels(head["labels"])
        self.thresholds: Mapping[str, float] = _thresholds(head, self.categories)
        self.curve: Curve = {str(label): tuple(map(tuple, points)) for label, points in head["curve"].items()}
        self._background = _truth(head["background"])
        self._scope = Scope.of_manifest(manifest["scope"], background=self._background)
        self._heads = _heads(manifest["heads"]["further"], len(self.categories) + self._background)
        columns = max([len(self.categories) + self._background, *(h.end for h in self._heads.values())])
        self._weights = _shaped(arrays["weights"], (self._space.size, columns))
        self._bias = _shaped(arrays["bias"], (columns,)).astype(np.float64)
        self._languages = Languages(manifest["heads"]["language"]["labels"], arrays)

    @property
    def heads(self) -> dict[str, tuple[str, ...]]:
        """The further heads and their labels."""
        return {name: head.labels for name, head in self._heads.items()}

    def predict(self, subject: str, body: str) -> Prediction:
        """Calibrated probabilities of every category for one message, and what the other heads say."""
        vector = self._space.vector(subject, body)
        every = self._scores(vector)
        scores = every[: len(self.categories)]
        probabilities = _softmax(scores)
        best = int(probabilities.argmax())
        background = every[len(self.categories)] if self._background else None
        return Prediction(
            label=self.categories[best],
            confidence=float(probabilities[best]),
            probabilities=dict(zip(self.categories, probabilities.tolist(), strict=True)),
            thresholds=self.thresholds,
            language=self._languages.of(subject, body),
            model=self.digest,
            empty=not len(vector.positions),
            scope=float(self._scope.of(signs(scores, background, vector.known), vector.words)),
            heads={name: _best(head, every) for name, head in self._heads.items()},
        )

    def predict_many(self, pairs: Sequence[tuple[str, str]]) -> list[Prediction]:
        """One prediction for each (subject, body), in order."""
        return [self.predict(subject, body) for subject, body in pairs]

    def explain(self, subject: str, body: str, label: str | None = None) -> list[tuple[str, float]]:
        """What each word and phrase adds to the score of `label` (None: the best one), strongest first.

        Exact: with the label's bias the contributions sum to its score, of which the probabilities are
        the softmax. Character n-grams count for the word they lie in.
        """
        vector = self._space.vector(subject, body)
        scores = self._scores(vector)[: len(self.categories)]
        column = int(scores.argmax()) if label is None else self.categories.index(label)
        weights = self._weights[vector.positions, column].astype(np.float64)
        return contributions(self._space, vector, weights, subject, body)

    def thresholds_at(self, precision: float) -> dict[str, float]:
        """Per category the lowest confidence that reached `precision` when calibrated; others are absent."""
        return thresholds_at(self.curve, precision)

    def _scores(self, vector: Vector) -> NDArray[np.float64]:
        weights = self._weights.take(vector.positions, axis=0).astype(np.float64)
        return np.asarray(vector.values @ weights + self._bias)


def _best(head: _Head, scores: NDArray[np.float64]) -> tuple[str, float]:
    probabilities = _softmax(scores[head.start : head.end])
    best = int(probabilities.argmax())
    return head.labels[best], float(probabilities[best])


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def _space(features: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Space:
    blocks = [Block(b["view"], b["analyzer"], b["low"], b["high"], b["weight"]) for b in features["blocks"]]
    sizes = [b["terms"] for b in features["blocks"]]
    sound = all(b.view in VIEWS and b.analyzer in ANALYZERS and 1 <= b.low <= b.high <= 9 for b in blocks)
    if not sound or not blocks or min(sizes) < 0:
        raise ValueError
    shape = (sum(sizes),)
    known, frequencies = _shaped(arrays["slots"], shape), _shaped(arrays["frequencies"], shape)
    documents = int(features["documents"])
    if not len(known) or known.max() >= HASH_SIZE or frequencies.max() > documents:
        raise ValueError
    return Space(blocks, sizes, known, frequencies, documents)


def _heads(further: Mapping[str, Any], start: int) -> dict[str, _Head]:
    """The heads in the order of their names, each with its columns behind those of the one before."""
    heads = {}
    for name, entry in sorted(further.items()):
        labels = _labels(entry["labels"])
        heads[str(name)] = _Head(labels, start, start + len(labels))
        start += len(labels)
    return heads


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _labels(labels: Sequence[str]) -> tuple[str, ...]:
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(isinstance(x, str) for x in labels):
        raise ValueError
    return tuple(labels)


def _thresholds(head: Mapping[str, Any], labels: Sequence[str]) -> dict[str, float]:
    return {str(label): float(value) for label, value in head["thresholds"].items() if label in labels}


def _shaped(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape != shape:
        raise ValueError
    return array
