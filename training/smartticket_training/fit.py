"""Fit the classifier: hashed TF-IDF, logistic regression, one temperature on out-of-fold scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from smartticket_daemon.errors import DataError
from smartticket_model.features import recipe
from smartticket_training.dataset import Dataset
from smartticket_training.features import FittedSpace, counter

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done, 0 to 1."""

Scores = NDArray[np.float64]

FOLDS = 5
STRENGTH = 30.0
"""Inverse regularisation: little, for the temperature makes up for the over-confidence."""

_MANY_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted classifier, and the honest scores of its own training rows.

    `pipeline` is the whole as scikit-learn knows it, its probabilities calibrated. `weights` (terms x labels)
    and `bias` are its numbers as the artifact keeps them. `out_of_fold` (rows x labels) are calibrated
    log-probabilities from models that had not seen the row (nor its group).
    """

    labels: list[str]
    space: FittedSpace
    weights: NDArray[np.float16]
    bias: NDArray[np.float64]
    pipeline: Pipeline
    out_of_fold: Scores
    temperature: float


def fit(data: Dataset, features: str, seed: int, progress: Progress) -> Fitted:
    """Fit on all rows; `features` is `full` or `word`. Raises DataError when the rows do not suffice."""
    labels = data.categories()
    truth = np.searchsorted(labels, data.labels)
    blocks = recipe(data.two_fields, features == "full")
    min_documents = 1 if len(truth) < _MANY_ROWS else 2
    folds = _folds(data, truth, seed)
    with threadpool_limits(1):  # the order of sums, and so the last bit, must not depend on the cores
        progress("features", 0.0)
        counts = [counter(block).transform(data.pairs) for block in blocks]
        progress("features", 1.0)
        scores = np.zeros((len(truth), len(labels)))
        for number, (seen, unseen) in enumerate(folds):
            progress("folds", number / len(folds))
            space = FittedSpace(blocks, _rows(counts, seen), min_documents)
            weights, bias = _linear(space.matrix(_rows(counts, seen)), truth[seen], len(labels))
            scores[unseen] = space.matrix(_rows(counts, unseen)) @ weights + bias
        progress("folds", 1.0)
        temperature = best_temperature(scores, truth)
        space = FittedSpace(blocks, counts, min_documents)
        progress("fit", 0.0)
        weights, bias = _linear(space.matrix(counts), truth, len(labels))
        progress("fit", 1.0)
    kept = (weights / temperature).astype(np.float16)
    bias = (bias / temperature).astype(np.float32).astype(np.float64)
    pipeline = _pipeline(space, labels, kept, bias)
    return Fitted(labels, space, kept, bias, pipeline, log_softmax(scores / temperature, axis=1), temperature)


def best_temperature(scores: Scores, truth: NDArray[np.int64]) -> float:
    """The divisor of the scores that makes the truth most likely (Guo et al. 2017), to four digits."""

    def loss(logarithm: float) -> float:
        likely = log_softmax(scores / np.exp(logarithm), axis=1)
        return float(-likely[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-6})
    return float(f"{np.exp(found.x):.4g}")


def _folds(data: Dataset, truth: NDArray[np.int64], seed: int) -> list[tuple[NDArray[np.int64], ...]]:
    """Row numbers to learn from and to score, five times or as often as the data allow."""
    most = int(np.bincount(truth).max())
    groups = len(set(data.groups)) if data.groups else most
    count = min(FOLDS, most, groups)
    if count < 2:
        raise DataError("too few rows (or groups) to calibrate on; each category needs several")
    kind = StratifiedGroupKFold if data.groups else StratifiedKFold
    splitter = kind(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        split = splitter.split(np.zeros(len(truth)), truth, data.groups)
        return [(seen, unseen) for seen, unseen in split if len(seen) and len(unseen)]


def _rows(counts: Sequence[csr_matrix], rows: NDArray[np.int64]) -> list[csr_matrix]:
    return [block[rows] for block in counts]


def _linear(matrix: csr_matrix, truth: NDArray[np.int64], labels: int) -> tuple[Scores, Scores]:
    """Weights (terms x labels) and bias. A label without rows gets the lowest bias of all, less one."""
    present = np.unique(truth)
    weights = np.zeros((matrix.shape[1], labels))
    bias = np.zeros(labels)
    if len(present) == 1:
        bias[present] = 1.0
        return weights, bias
    model = LogisticRegression(C=STRENGTH, max_iter=1000, tol=1e-4).fit(matrix, truth)
    coefficients, intercepts = model.coef_.T, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one column: the second label against the first
        coefficients = np.hstack([-coefficients, coefficients]) / 2
        intercepts = np.array([-intercepts[0], intercepts[0]]) / 2
    weights[:, present] = coefficients
    bias[:] = intercepts.min() - 1.0
    bias[present] = intercepts
    return weights, bias


def _pipeline(
    space: FittedSpace, labels: Sequence[str], weights: NDArray[np.float16], bias: NDArray[np.float64]
) -> Pipeline:
    """The whole as a scikit-learn pipeline of (subject, body) pairs, with the numbers of the artifact."""
    model = LogisticRegression(C=STRENGTH)
    model.classes_ = np.array(labels)
    model.n_features_in_ = weights.shape[0]
    model.coef_ = weights.T.astype(np.float64)
    model.intercept_ = bias
    if len(labels) == 2:
        model.coef_ = model.coef_[1:] - model.coef_[:1]
        model.intercept_ = bias[1:] - bias[:1]
    return Pipeline([("features", space.union()), ("classify", model)])
