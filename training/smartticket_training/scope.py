"""Learn what is out of scope: from a model's own rows alone, and better from rows that are."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from smartticket_model.scope import Scope, signs
from smartticket_training.linear import Numbers, Scores

LOST = 0.01
"""Share of rows in scope that may be taken for foreign."""

CAUGHT = 0.9
"""Share of foreign rows that is enough: for more of them no row in scope is given up."""

NEAR_EMPTY_BELOW = 3
"""Texts of fewer words are near empty, unless the rows themselves are so short."""

_SHORTEST = 0.005


def learn_scope(
    scores: Scores, labels: int, known: Scores, words: Numbers, rows: int
) -> tuple[Scope, Scores]:
    """The scope, and the scope of every row; the first `rows` are in scope, those behind them foreign.

    `scores` (rows x labels, and a background's where foreign rows are) and `known` (the share of each row's
    words that is known) are out of fold; `words` are their numbers. Without foreign rows the signs count
    alike, each measured in its own standard deviations; with them a logistic regression weighs them. Zero
    lies where LOST of the rows in scope fall below, or lower where that catches enough foreign rows.
    """
    foreign = len(scores) - rows
    found = signs(scores[:, :labels], scores[:, labels] if foreign else None, known)
    spread = found[:rows].std(axis=0)
    spread[spread < 1e-9] = np.inf  # a sign that is always the same tells nothing
    weights = 1 / spread
    if foreign:
        truth = np.arange(len(found)) < rows
        model = LogisticRegression(class_weight="balanced").fit(found / spread, truth)
        weights = model.coef_[0] / spread
    weights = np.array([float(f"{weight:.6g}") for weight in weights])
    least = float(np.quantile(found[:rows] @ weights, LOST, method="lower"))
    if foreign:
        least = min(least, float(np.quantile(found[rows:] @ weights, CAUGHT)))
    shortest = int(np.quantile(words[:rows], _SHORTEST, method="lower"))
    scope = Scope(weights, -round(least, 6), min(NEAR_EMPTY_BELOW, shortest))
    return scope, scope.of(found, words)
