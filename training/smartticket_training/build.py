"""From a fitted model to an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from smartticket_model import artifact
from smartticket_model.curve import thresholds_at
from smartticket_training.dataset import Dataset
from smartticket_training.fit import Fitted, Head
from smartticket_training.language import language_head
from smartticket_training.linear import Linear, Scores
from smartticket_training.measure import curve, measure
from smartticket_training.teaching import Taught

LIBRARIES = ("mmh3", "numpy", "py3langid", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    `metrics` are out-of-fold: of rows scored by models that had not seen them; `held_out` those of a model
    that was fitted without the rows held out, on these. `heads` has the figures of the further heads.
    `small` are the categories with few rows, as found, `taught` what became of the corrections, if any.
    `data` are the rows that were learnt from, in the order of everything in `fitted`.
    """

    folder: Path
    digest: str
    data: Dataset = field(repr=False)
    fitted: Fitted = field(repr=False)
    thresholds: Mapping[str, float]
    target_precision: float
    metrics: Mapping[str, Any]
    held_out: Mapping[str, Any] | None = None
    heads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    near_duplicates: int = 0
    small: Mapping[str, int] = field(default_factory=dict)
    taught: Taught | None = None

    @property
    def rows(self) -> int:
        """How many rows were learnt from."""
        return len(self.data.labels)

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many rows were left out, by reason."""
        return self.data.dropped

    @property
    def categories(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(self.fitted.category.labels)

    @property
    def manner(self) -> str:
        """How it was trained, where that is not the usual way: a sentence or two; else empty."""
        if not self.fitted.large:
            return ""
        return (
            "The tickets are more than memory holds, so they were learnt piece by piece, and there is no "
            f"learning curve. {len(self.fitted.judged):,} of them, picked by chance, were judged by a model "
            "that had not seen them."
        )

    @property
    def out_of_reach(self) -> tuple[str, ...]:
        """Categories that cannot reach the target precision and therefore always abstain."""
        return tuple(label for label in self.categories if label not in self.thresholds)


def build(
    fitted: Fitted,
    data: Dataset,
    target_precision: float,
    seed: int,
    folder: Path,
    taught: Taught | None = None,
) -> Trained:
    """Write the artifact into `folder`."""
    head = fitted.category
    points = curve(head.truth, np.exp(head.out_of_fold), head.labels)
    thresholds = thresholds_at({k: tuple(v) for k, v in points.items()}, target_precision)
    metrics = _judged(fitted, thresholds)
    late, heads = _late(fitted, data, target_precision), {own.name: _figures(own) for own in fitted.heads}
    language, arrays = language_head()
    kept = kept_numbers(fitted)
    manifest = {
        "features": _features(fitted),
        "fields": ["subject", "body"] if data.two_fields else ["text"],
        "heads": {
            "category": {
                "labels": head.labels,
                "background": fitted.background,
                "target_precision": target_precision,
                "thresholds": thresholds,
                "curve": points,
            },
            "further": {own.name: {"labels": own.labels, "metrics": heads[own.name]} for own in fitted.heads},
            "language": language,
        },
        "scope": {
            "weights": fitted.scope.weights.tolist(),
            "bias": fitted.scope.bias,
            "fewest": fitted.scope.fewest,
        },
        "data": _source(data, fitted, seed, taught),
        "libraries": {name: version(name) for name in LIBRARIES},
        "metrics": metrics,
        "held_out": late,
    }
    arrays |= {
        "slots": np.concatenate([k.slots_ for k in fitted.space.known]).astype(np.uint32),
        "frequencies": np.concatenate([k.frequencies_ for k in fitted.space.known]).astype(np.uint32),
        "weights": kept.weights,
        "bias": kept.bias.astype(np.float32),
    }
    digest = artifact.write(folder, manifest, arrays)
    return Trained(folder, digest, data, fitted, thresholds, target_precision, metrics, late, heads)


def _source(data: Dataset, fitted: Fitted, seed: int, taught: Taught | None) -> dict[str, Any]:
    """What was learnt from; `feedback` is whose corrections, where there are any."""
    found = {"sha256": data.digest, "rows": len(data.labels), "dropped": data.dropped, "seed": seed}
    if fitted.large:
        found |= {"in_memory": False, "judged": len(fitted.judged)}
    return {**found, "feedback": taught.told()} if taught else found


def kept_numbers(fitted: Fitted) -> Linear:
    """All heads side by side, in the precision that the artifact keeps."""
    heads = [fitted.category, *fitted.heads]
    weights = np.hstack([head.linear.weights for head in heads]).astype(np.float16)
    bias = np.concatenate([head.linear.bias for head in heads]).astype(np.float32)
    return Linear(weights, bias.astype(np.float64))


def _judged(fitted: Fitted, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Figures on the rows that were judged by a model that had not seen them."""
    head = fitted.category
    truth = [head.labels[number] for number in head.truth]
    probabilities = np.exp(head.out_of_fold)
    return measure(truth, probabilities, head.labels, thresholds, fitted.scopes >= 0, every=True)


def _late(fitted: Fitted, data: Dataset, target_precision: float) -> dict[str, Any] | None:
    """Figures on the rows held out, with thresholds that know nothing of them."""
    head, rows = fitted.category, fitted.held_out
    if rows is None or head.held_out is None:
        return None
    seen = ~np.isin(fitted.judged, rows)
    points = curve(head.truth[seen], np.exp(head.out_of_fold[seen]), head.labels)
    thresholds = thresholds_at({k: tuple(v) for k, v in points.items()}, target_precision)
    truth = [data.labels[row] for row in rows]
    return measure(truth, np.exp(head.held_out), head.labels, thresholds)


def _figures(head: Head) -> dict[str, Any]:
    """How good a further head is, out of fold."""
    probabilities: Scores = np.exp(head.out_of_fold[head.known])
    truth = [head.labels[number] for number in head.truth[head.known]]
    found = measure(truth, probabilities, head.labels, {})
    return {key: found[key] for key in ("n", "accuracy", "macro_f1", "log_loss", "ece")}


def _features(fitted: Fitted) -> dict[str, Any]:
    blocks = [
        {
            "view": block.view,
            "analyzer": block.analyzer,
            "low": block.low,
            "high": block.high,
            "weight": block.weight,
            "terms": len(known.slots_),
        }
        for block, known in zip(fitted.space.blocks, fitted.space.known, strict=True)
    ]
    return {"blocks": blocks, "documents": fitted.space.documents}
