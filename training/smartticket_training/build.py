"""From a fitted classifier to an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from smartticket_model import artifact
from smartticket_model.curve import thresholds_at
from smartticket_training.dataset import Dataset
from smartticket_training.fit import Fitted
from smartticket_training.language import language_head
from smartticket_training.measure import curve, measure

LIBRARIES = ("mmh3", "numpy", "py3langid", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training. `metrics` are out-of-fold: of rows scored by models that had not seen them."""

    folder: Path
    digest: str
    rows: int
    dropped: Mapping[str, int]
    categories: tuple[str, ...]
    thresholds: Mapping[str, float]
    target_precision: float
    metrics: Mapping[str, Any]

    @property
    def out_of_reach(self) -> tuple[str, ...]:
        """Categories that cannot reach the target precision and therefore always abstain."""
        return tuple(label for label in self.categories if label not in self.thresholds)


def build(fitted: Fitted, data: Dataset, target_precision: float, seed: int, folder: Path) -> Trained:
    """Write the artifact into `folder`."""
    truth = np.searchsorted(fitted.labels, data.labels)
    probabilities = np.exp(fitted.out_of_fold)
    points = curve(truth, probabilities, fitted.labels)
    thresholds = thresholds_at({k: tuple(v) for k, v in points.items()}, target_precision)
    metrics = measure(data.labels, probabilities, fitted.labels, thresholds)
    language, arrays = language_head()
    category = {
        "labels": fitted.labels,
        "temperature": fitted.temperature,
        "target_precision": target_precision,
        "thresholds": thresholds,
        "curve": points,
    }
    manifest = {
        "features": _features(fitted),
        "fields": ["subject", "body"] if data.two_fields else ["text"],
        "heads": {"category": category, "language": language},
        "data": {"sha256": data.digest, "rows": len(truth), "dropped": data.dropped, "seed": seed},
        "libraries": {name: version(name) for name in LIBRARIES},
        "metrics": metrics,
    }
    arrays |= {
        "slots": np.concatenate([k.slots_ for k in fitted.space.known]).astype(np.uint32),
        "frequencies": np.concatenate([k.frequencies_ for k in fitted.space.known]).astype(np.uint32),
        "category.weights": fitted.weights,
        "category.bias": fitted.bias.astype(np.float32),
    }
    digest = artifact.write(folder, manifest, arrays)
    labels = tuple(fitted.labels)
    return Trained(folder, digest, len(truth), data.dropped, labels, thresholds, target_precision, metrics)


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
