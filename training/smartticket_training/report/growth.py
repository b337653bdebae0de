"""The learning curve: how good models of fewer rows are on the same unseen rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from smartticket_training.dataset import Dataset
from smartticket_training.features import FittedSpace, counter
from smartticket_training.fit import Fitted
from smartticket_training.linear import Numbers, Scores, fit_pair
from smartticket_training.stored import Stored

MOST_LEARNT = 8_000
"""Models of more rows are not fitted for the curve, but for its last point, which the training has."""

MOST_JUDGED = 4_000
_FEWEST = 30
_PARTS = (16, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows were learnt from, and the share of the unseen ones that is right then."""

    rows: int
    accuracy: float


def learning_curve(fitted: Fitted, data: Dataset, seed: int) -> tuple[list[Size], int]:
    """Sizes by rows, and how many rows all were judged on: those that the first fold left out. None, where
    the messages are not in memory.

    A small model stands for the full recipe but for its temperatures, which need folds of their own: each
    classifier's scores are divided by their standard deviation instead.
    """
    if isinstance(data.pairs, Stored):
        return [], 0
    truth = fitted.category.truth
    seen, unseen = fitted.folds[0]
    chance = np.random.default_rng(seed)
    seen, unseen = chance.permutation(seen), np.sort(chance.permutation(unseen)[:MOST_JUDGED])
    sizes = [len(seen) // part for part in _PARTS if _FEWEST <= len(seen) // part <= MOST_LEARNT]
    rows = np.concatenate([unseen, seen[: max(sizes, default=0)]])
    pairs = [data.pairs[row] for row in rows]
    counts = [counter(block).transform(pairs) for block in fitted.space.blocks] if sizes else []
    found = []
    for size in sizes:
        scores = _scores(fitted, counts, truth[rows], len(unseen), size)
        found.append(Size(size, float((scores.argmax(axis=1) == truth[unseen]).mean())))
    last = fitted.category.out_of_fold[unseen].argmax(axis=1) == truth[unseen]
    return [*found, Size(len(seen), float(last.mean()))], len(unseen)


def last_doubling(sizes: Sequence[Size]) -> float:
    """How much accuracy each doubling of the rows gave between the last two sizes; 0 where there is one."""
    if len(sizes) < 2:
        return 0.0
    before, last = sizes[-2:]
    return (last.accuracy - before.accuracy) / log2(last.rows / before.rows)


def _scores(fitted: Fitted, counts: list[csr_matrix], truth: Numbers, judged: int, size: int) -> Scores:
    """Of the first `judged` rows, by a model of the `size` rows behind them."""
    some = slice(judged, judged + size)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        space = FittedSpace.of(fitted.space.blocks, [block[some] for block in counts])
        learnt = space.matrix([block[some] for block in counts])
        both = fit_pair(learnt, truth[some], len(fitted.category.labels))
        matrix = space.matrix([block[:judged] for block in counts])
    scores = [one.scores(matrix) for one in both]
    return np.asarray(sum(one / (one.std() or 1.0) for one in scores))
