"""Quality in figures, the same ones wherever a model is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from smartticket_model.curve import Point

BINS = 15
FEWEST_ACCEPTED = 10
"""A precision seen on fewer rows is not trusted with a threshold."""

SLACK = 0.05
"""How far a category may fall short of the precision that all of them reach together."""

_DIGITS = 6
_STEPS = 2_000
"""Precision is kept in so many steps, rounded down, so that a model does not grow with its rows."""


def measure(
    truth: Sequence[str],
    probabilities: NDArray[np.float64],
    labels: Sequence[str],
    thresholds: Mapping[str, float],
    in_scope: NDArray[np.bool_] | None = None,
    *,
    every: bool = False,
) -> dict[str, Any]:
    """All figures for rows with a true label each and probabilities (rows x labels).

    A true label that is not among `labels` counts as an error. Coverage is the share of rows whose confidence
    reaches the threshold of the predicted category, and that are in scope where that is known. Per category
    are those that a row has or is predicted as, or `every` label.
    """
    true, names = np.array(truth, dtype=object), np.array(labels, dtype=object)
    predicted = names[probabilities.argmax(axis=1)]
    confidence = probabilities.max(axis=1)
    right = predicted == true
    accepted = confidence >= np.array([thresholds.get(label, np.inf) for label in predicted])
    if in_scope is not None:
        accepted &= in_scope
    return {
        "n": len(true),
        "accuracy": _round(right.mean()),
        "macro_f1": _round(f1_score(true, predicted, average="macro", zero_division=0.0)),
        "log_loss": _round(_log_loss(true, probabilities, labels)),
        "ece": _round(calibration_error(confidence, right)),
        "coverage": _round(accepted.mean()),
        "precision_at_coverage": _mean(right[accepted]),
        "per_category": _per_category(names if every else [], true, predicted, right, accepted, thresholds),
    }


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Naeini et al. 2015)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def front(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], pooled: NDArray[np.float64] | None = None
) -> list[Point]:
    """Precision against coverage of one category's predictions, only where it costs coverage to do better.

    `pooled` is for each row the precision of all categories together at its confidence and above. That is
    what a target asks for: of all that is applied, this share shall be right. A category's own precision may
    lie SLACK below it and no more, so the lesser of the two counts.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_, correct = confidence[order], np.cumsum(right[order])
    accepted = np.arange(1, len(order) + 1)
    estimates = correct / accepted
    if pooled is not None:
        estimates = np.minimum(pooled[order], estimates + SLACK)
    ends = np.flatnonzero(np.append(sorted_[1:] != sorted_[:-1], True)) if len(order) else np.array([], int)
    points: list[Point] = []
    best = -1.0
    for end in ends[::-1]:
        precision = float(np.floor(estimates[end] * _STEPS + 1e-6) / _STEPS)
        if accepted[end] >= FEWEST_ACCEPTED and precision > best:
            best = precision
            threshold = float(np.floor(sorted_[end] * 10**_DIGITS) / 10**_DIGITS)
            points.append((threshold, precision, _round(accepted[end] / len(order))))
    return points[::-1]


def curve(
    truth: NDArray[np.int64], probabilities: NDArray[np.float64], labels: Sequence[str]
) -> dict[str, list[Point]]:
    """The front of every label, over the rows that are predicted as it."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == truth
    pooled = _precision_from(confidence, right)
    return {
        label: front(confidence[own], right[own], pooled[own])
        for label, own in ((label, predicted == number) for number, label in enumerate(labels))
    }


def _precision_from(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For every row the share that is right among the rows of its confidence and above."""
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.searchsorted(-confidence[order], -confidence, side="right") - 1
    return np.asarray(precision[last])


def _per_category(
    labels: Iterable[str],
    true: NDArray[Any],
    predicted: NDArray[Any],
    right: NDArray[np.bool_],
    accepted: NDArray[np.bool_],
    thresholds: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    names = sorted({*labels, *true, *predicted})
    figures = precision_recall_fscore_support(true, predicted, labels=names, zero_division=0.0)
    result = {}
    for name, precision, recall, f1, support in zip(names, *figures, strict=True):
        ours = predicted == name
        result[name] = {
            "precision": _round(precision),
            "recall": _round(recall),
            "f1": _round(f1),
            "support": int(support),
            "threshold": thresholds.get(name),
            "coverage": _mean(accepted[ours]),
            "precision_at_coverage": _mean(right[ours & accepted]),
        }
    return result


def _log_loss(true: NDArray[Any], probabilities: NDArray[np.float64], labels: Sequence[str]) -> float:
    """Mean of -log of the true label's probability, an unknown label's being the smallest there is."""
    column = {label: number for number, label in enumerate(labels)}
    given = [
        row[column[label]] if label in column else 0.0 for label, row in zip(true, probabilities, strict=True)
    ]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).eps)).mean())


def _mean(values: NDArray[np.bool_]) -> float | None:
    return _round(values.mean()) if len(values) else None


def _round(value: float) -> float:
    return round(float(value), _DIGITS)
