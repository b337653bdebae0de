"""One linear classifier made of two: logistic regression and a support vector machine.

Their scores, each divided by a temperature of its own, are averaged. Both are linear, so the average is
one matrix of weights again, and costs the runtime nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

Scores = NDArray[np.float64]
Numbers = NDArray[np.int64]

STRENGTH = 10.0
"""Inverse regularisation of the regression: little, for the temperature makes up for the over-confidence."""

MARGIN = 1.0
"""Inverse regularisation of the support vector machine."""

_ROUNDS = 20
"""Passes of the regression over the rows; more change its scores, hardly its ranking."""

_ALONE = threading.Lock()
"""liblinear draws from one generator for the whole process: two at once would not repeat themselves."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights (terms x labels) and bias: `matrix @ weights + bias` are the scores."""

    weights: NDArray[np.float32] | NDArray[np.float16]
    bias: Scores

    def scores(self, matrix: csr_matrix) -> Scores:
        """One score for each row and label."""
        return np.asarray(matrix @ self.weights, dtype=np.float64) + self.bias


Pair = tuple[Linear, Linear]


def fit_pair(matrix: csr_matrix, truth: Numbers, labels: int) -> Pair:
    """Both classifiers on the same rows. `matrix` is best float32; `truth` are numbers below `labels`.

    A label without rows gets the lowest bias of all, less one.
    """
    present = np.unique(truth)
    if len(present) == 1:
        return _constant(matrix.shape[1], present, labels), _constant(matrix.shape[1], present, labels)
    regression = LogisticRegression(C=STRENGTH, solver="sag", max_iter=_ROUNDS, random_state=0)
    machine = LinearSVC(C=MARGIN, tol=1e-2, random_state=0)
    regression.fit(matrix, truth)
    with _ALONE:
        machine.fit(matrix, truth)
    return _spread(regression, present, labels), _spread(machine, present, labels)


def _constant(terms: int, present: Numbers, labels: int) -> Linear:
    bias = np.zeros(labels)
    bias[present] = 1.0
    return Linear(np.zeros((terms, labels), dtype=np.float32), bias)


def _spread(model: LogisticRegression | LinearSVC, present: Numbers, labels: int) -> Linear:
    coefficients, intercepts = model.coef_.T, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one column: the second label against the first
        coefficients = np.hstack([-coefficients, coefficients]) / 2
        intercepts = np.array([-intercepts[0], intercepts[0]]) / 2
    weights = np.zeros((len(coefficients), labels), dtype=np.float32)
    weights[:, present] = coefficients
    bias = np.full(labels, intercepts.min() - 1.0)
    bias[present] = intercepts
    return Linear(weights, bias)


def shares(regression: Scores, machine: Scores, truth: Numbers) -> tuple[float, float]:
    """What each one's scores are multiplied with, so that their sum is calibrated on these rows.

    Each is first divided by its temperature, their mean then by one more. Rows of no label (truth below
    zero) do not count.
    """
    known = truth >= 0
    truth = truth[known]
    first = best_temperature(regression[known], truth)
    second = best_temperature(machine[known], truth)
    last = best_temperature((regression[known] / first + machine[known] / second) / 2, truth)
    return 0.5 / (first * last), 0.5 / (second * last)


def merged(pair: Pair, share: tuple[float, float]) -> Linear:
    """The two as one."""
    (a, b), (x, y) = pair, share
    weights = (a.weights * np.float32(x) + b.weights * np.float32(y)).astype(np.float32)
    return Linear(weights, a.bias * x + b.bias * y)


def best_temperature(scores: Scores, truth: Numbers) -> float:
    """The divisor of the scores that makes the truth most likely (Guo et al. 2017), to four digits."""

    def loss(logarithm: float) -> float:
        likely = log_softmax(scores / np.exp(logarithm), axis=1)
        return float(-likely[np.arange(len(truth)), truth].mean())

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-6})
    return float(f"{np.exp(found.x):.4g}")
