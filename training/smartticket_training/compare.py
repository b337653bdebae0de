"""Two models on the same held-out rows: is the new one worse, beyond what chance explains?

Figures of the whole are compared by a paired bootstrap: rows (or whole groups, where rows of one thread or
sender stand together) are drawn with replacement a thousand times, both models are measured on each draw,
and the middle 95 % of the differences is the interval (Efron and Tibshirani 1993, ch. 13). A single
category is compared by the exact sign test on the rows that only one of the two got right (McNemar 1947),
its level divided by the number of categories (Bonferroni). Only numpy is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.05
DECISIVE = ("accuracy", "macro_f1", "rightly_applied")
FIGURES = ("accuracy", "macro_f1", "coverage", "precision", "rightly_applied")
"""What is measured; of these DECISIVE may keep a model from being promoted by themselves."""

FEWEST_ROWS = 100
"""On fewer rows even a model that is ten points worse may well pass."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model makes of each row: its best category, and whether that would be applied."""

    labels: Sequence[str]
    applied: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both models, and the interval of `candidate` - `running`; None: nothing was applied."""

    running: float | None
    candidate: float | None
    low: float | None
    high: float | None

    @property
    def worse(self) -> bool:
        """Whether chance does not explain that the candidate has less."""
        return self.high is not None and self.high < 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """`figures` by name: accuracy, macro_f1, coverage, precision (of what is applied), rightly_applied.

    `fallen` are the categories of which the candidate recognises fewer rows beyond chance, with the rows
    that only the running and only the candidate got right.
    """

    rows: int
    groups: int | None
    figures: dict[str, Figure]
    fallen: dict[str, tuple[int, int]]

    def against(self, target_precision: float) -> list[str]:
        """What speaks against the candidate, in sentences.

        Less coverage alone does not: what counts is the share of rows applied rightly. Less precision does
        only where it is less than was asked for.
        """
        found = []
        if self.rows < FEWEST_ROWS:
            found.append(f"only {self.rows} rows to compare on; at least {FEWEST_ROWS} are needed to tell")
        found += [self._sentence(name) for name in DECISIVE if self.figures[name].worse]
        precision = self.figures["precision"]
        if precision.worse and (precision.candidate or 0.0) < target_precision:
            found.append(f"{self._sentence('precision')}, and {target_precision:g} is asked for")
        for name, (lost, won) in self.fallen.items():
            rows = "rows" if self.groups is None else "groups of rows"
            found.append(
                f"category {name}: {lost} {rows} recognised before are not any more, {won} newly are"
            )
        return found

    def told(self) -> dict[str, Any]:
        """As plain values, for the registry and for JSON."""
        return asdict(self)

    def _sentence(self, name: str) -> str:
        figure = self.figures[name]
        assert figure.running is not None and figure.candidate is not None  # noqa: S101, PT018 - it is worse
        difference = figure.candidate - figure.running
        interval = f"95 % interval {figure.low:+.3f} to {figure.high:+.3f}, {self.rows} rows"
        words = name.replace("_", " ").replace("f1", "F1")
        return (
            f"{words} {figure.candidate:.3f} instead of the running model's {figure.running:.3f} "
            f"({difference:+.3f}, {interval})"
        )


def compare(
    truth: Sequence[str],
    running: Answers,
    candidate: Answers,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two models' answers to the same rows; the same seed draws the same rows."""
    names = np.unique(np.array([*truth, *running.labels, *candidate.labels], dtype=object))
    true = np.searchsorted(names, np.array(truth, dtype=object))
    sides = [_Side.of(answers, true, names) for answers in (running, candidate)]
    places = np.arange(len(true)) if groups is None else np.unique(groups, return_inverse=True)[1]
    whole = [side.figures(np.ones(len(true))) for side in sides]
    differences = _differences(sides, places, seed)
    figures = {
        name: Figure(_number(whole[0][place]), _number(whole[1][place]), *_interval(differences[:, place]))
        for place, name in enumerate(FIGURES)
    }
    count = None if groups is None else int(places.max()) + 1
    fallen = {str(names[c]): found for c, found in _fallen(sides, true, places, len(names)).items()}
    return Comparison(len(true), count, figures, fallen)


@dataclass(frozen=True, slots=True)
class _Side:
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    applied: Floats
    right: Floats
    size: int

    @classmethod
    def of(cls, answers: Answers, true: NDArray[np.int64], names: NDArray[Any]) -> _Side:
        predicted = np.searchsorted(names, np.array(answers.labels, dtype=object))
        applied = np.array(answers.applied, dtype=float)
        return cls(true, predicted, applied, (predicted == true).astype(float), len(names))

    def figures(self, weights: Floats) -> Floats:
        """FIGURES of the rows, each counted `weights` times; no precision (NaN) where nothing is applied."""
        total, applied = weights.sum(), weights @ self.applied
        rightly = weights @ (self.applied * self.right)
        precision = rightly / applied if applied else np.nan
        accuracy = weights @ self.right / total
        return np.array([accuracy, self._macro_f1(weights), applied / total, precision, rightly / total])

    def _macro_f1(self, weights: Floats) -> float:
        """Over the categories that are true or predicted somewhere, as scikit-learn's default."""
        there = np.bincount(self.true, weights, self.size)
        called = np.bincount(self.predicted, weights, self.size)
        both = np.bincount(self.true, weights * self.right, self.size)
        sums = there + called
        scores = 2 * both[sums > 0] / sums[sums > 0]
        return float(scores.mean())


def _differences(sides: list[_Side], places: NDArray[np.int64], seed: int) -> Floats:
    """Candidate - running (draws x FIGURES); `places` tells each row's group."""
    chance, count = np.random.default_rng(seed), int(places.max()) + 1
    rows = []
    for _ in range(DRAWS):
        drawn = np.bincount(chance.integers(count, size=count), minlength=count).astype(float)
        running, candidate = (side.figures(drawn[places]) for side in sides)
        rows.append(candidate - running)
    return np.array(rows)


def _interval(differences: Floats) -> tuple[float | None, float | None]:
    known = differences[~np.isnan(differences)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [LEVEL / 2, 1 - LEVEL / 2])
    return round(float(low), 6), round(float(high), 6)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _fallen(
    sides: list[_Side], true: NDArray[np.int64], places: NDArray[np.int64], size: int
) -> dict[int, tuple[int, int]]:
    """Categories, by number, that lost more than chance explains; a group counts as one, by its majority."""
    gained = sides[1].right - sides[0].right
    found, tested = {}, len(np.unique(true))
    for category in range(size):
        ours = true == category
        balance = np.bincount(places[ours], gained[ours]) if ours.any() else np.zeros(0)
        lost, won = int((balance < 0).sum()), int((balance > 0).sum())
        if lost > won and _sign_test(lost, won) < LEVEL / 2 / tested:
            found[category] = (lost, won)
    return found


def _sign_test(lost: int, won: int) -> float:
    """How likely chance alone makes at most `won` of all that changed better."""
    changed = lost + won
    return sum(comb(changed, k) for k in range(won + 1)) / (1 << changed)
