"""Two models on the same held-out rows: is the new one worse, beyond what chance explains?

One decision, whose error is stated: of models that are no worse, at most ERROR are refused, all tests
together. Half of that goes to the main figure, accuracy; the other half is shared by the further tests as
Holm (1979) says: rows rightly applied, rows wrongly applied, and each category against all others. Every
test counts the rows that only one of the two models got right (McNemar 1947) and asks how likely so few
gains among so many changes are where the candidate is worse by no more than a margin, for two trainings on
the same tickets differ by something, too. Rows of one thread or sender (a group) count as one, by the
majority of their changes.

The other figures are for the eye: each with the middle 95 % of a thousand paired bootstrap draws of rows or
groups (Efron and Tibshirani 1993, ch. 13). Only numpy is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.05
"""Of the bootstrap intervals."""

ERROR = 0.05
"""Of models that are no worse, at most this share is refused."""

MARGIN = 0.01
"""So much less accuracy is not worse: a training with other folds moves it as far."""

SETTLING = 0.20
"""So large a share of rows rightly applied less is not worse: thresholds settle anew in each training."""

HARM = 0.05
"""So large a share of rows wrongly applied more is not worse."""

CATEGORY_MARGIN = 0.10
"""So large a share of its own rows a category may lose: it has few, and they move far."""

FIGURES = ("accuracy", "macro_f1", "coverage", "precision", "rightly_applied")
MAIN = "accuracy"

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


@dataclass(frozen=True, slots=True)
class Change:
    """Rows (or groups) that only the running model got right, and only the candidate; `chance` is how likely
    so few gains are where the candidate is worse by no more than the margin.
    """

    lost: int
    won: int
    chance: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`figures` by name: accuracy, macro_f1, coverage, precision (of what is applied), rightly_applied.

    `changes` are what is decided by: accuracy, rightly_applied, wrongly_applied; `categories` the same of
    each category against all others.
    """

    rows: int
    groups: int | None
    figures: dict[str, Figure]
    changes: dict[str, Change]
    categories: dict[str, Change]

    @property
    def fallen(self) -> dict[str, tuple[int, int]]:
        """Categories told apart worse than before, beyond chance: rows lost and won."""
        return {name: (c.lost, c.won) for name, c in self._further(0.0).items() if name in self.categories}

    @property
    def less_accurate(self) -> bool:
        """Whether chance does not explain that the main figure fell by more than its margin."""
        return self.changes[MAIN].chance < ERROR / 2

    def against(self, target_precision: float) -> list[str]:
        """What speaks against the candidate, in sentences.

        Less coverage alone does not: what counts is the share of rows applied rightly. More rows applied
        wrongly do only where precision fell, and is less than was asked for.
        """
        found = []
        if self.rows < FEWEST_ROWS:
            found.append(f"only {self.rows} rows to compare on; at least {FEWEST_ROWS} are needed to tell")
        if self.less_accurate:
            found.append(self._sentence(MAIN))
        for name, change in self._further(target_precision).items():
            if name in self.categories:
                rows = "rows" if self.groups is None else "groups of rows"
                found.append(
                    f"category {name}: {change.lost} {rows} told apart before are not any more, "
                    f"{change.won} newly are"
                )
            elif name == "wrongly_applied":
                found.append(f"{self._sentence('precision')}, and {target_precision:g} is asked for")
            else:
                found.append(self._sentence(name))
        return found

    def told(self) -> dict[str, Any]:
        """As plain values, for the registry and for JSON."""
        return {**asdict(self), "fallen": self.fallen}

    def _further(self, target_precision: float) -> dict[str, Change]:
        """Of the further tests those that chance does not explain."""
        precision = self.figures["precision"]
        ours, theirs = (1.0 if own is None else own for own in (precision.candidate, precision.running))
        kept = ours >= min(theirs, target_precision)
        tested = {name: c for name, c in self.changes.items() if name != MAIN} | self.categories
        told = {name: 1.0 if kept and name == "wrongly_applied" else c.chance for name, c in tested.items()}
        return {name: tested[name] for name in _holm(told, ERROR / 2)}

    def _sentence(self, name: str) -> str:
        figure = self.figures[name]
        running, candidate = figure.running or 0.0, figure.candidate or 0.0
        low, high = figure.low or 0.0, figure.high or 0.0
        interval = f"95 % interval {low:+.3f} to {high:+.3f}, {self.rows} rows"
        words = name.replace("_", " ").replace("f1", "F1")
        if figure.running is None:
            return f"{words} {candidate:.3f}, where the running model applies nothing ({self.rows} rows)"
        return (
            f"{words} {candidate:.3f} instead of the running model's {running:.3f} "
            f"({candidate - running:+.3f}, {interval})"
        )


def compare(
    truth: Sequence[str],
    running: Answers,
    candidate: Answers,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Comparison:
    """Compare two models' answers to the same rows; the same seed draws the same rows.

    Without `draws` the figures have no intervals; what is decided stays the same.
    """
    names = np.unique(np.array([*truth, *running.labels, *candidate.labels], dtype=object))
    true = np.searchsorted(names, np.array(truth, dtype=object))
    sides = [_Side.of(answers, true, names) for answers in (running, candidate)]
    places = np.arange(len(true)) if groups is None else np.unique(groups, return_inverse=True)[1]
    whole = [side.figures(np.ones(len(true))) for side in sides]
    differences = _differences(sides, places, seed, draws)
    figures = {
        name: Figure(_number(whole[0][place]), _number(whole[1][place]), *_interval(differences[:, place]))
        for place, name in enumerate(FIGURES)
    }
    count = None if groups is None else int(places.max()) + 1
    return Comparison(len(true), count, figures, _changes(sides, places), _by_category(sides, places, names))


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


def _differences(sides: list[_Side], places: NDArray[np.int64], seed: int, draws: int) -> Floats:
    """Candidate - running (draws x FIGURES); `places` tells each row's group."""
    chance, count = np.random.default_rng(seed), int(places.max()) + 1
    rows = []
    for _ in range(draws):
        drawn = np.bincount(chance.integers(count, size=count), minlength=count).astype(float)
        running, candidate = (side.figures(drawn[places]) for side in sides)
        rows.append(candidate - running)
    return np.array(rows).reshape(-1, len(FIGURES))


def _interval(differences: Floats) -> tuple[float | None, float | None]:
    known = differences[~np.isnan(differences)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [LEVEL / 2, 1 - LEVEL / 2])
    return round(float(low), 6), round(float(high), 6)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _changes(sides: list[_Side], places: NDArray[np.int64]) -> dict[str, Change]:
    count = int(places.max()) + 1
    right = [side.right for side in sides]
    rightly = [side.applied * side.right for side in sides]
    harmless = [1 - side.applied * (1 - side.right) for side in sides]
    return {
        "accuracy": _change(right, places, MARGIN * count),
        "rightly_applied": _change(rightly, places, SETTLING * count),
        "wrongly_applied": _change(harmless, places, HARM * count),
    }


def _by_category(sides: list[_Side], places: NDArray[np.int64], names: NDArray[Any]) -> dict[str, Change]:
    """Of every category that a row has: is a row told to be of it, or not to be, as rightly as before?"""
    found = {}
    for number in np.unique(sides[0].true):
        ours = sides[0].true == number
        told = [((side.predicted == number) == ours).astype(float) for side in sides]
        own = len(np.unique(places[ours]))
        found[str(names[number])] = _change(told, places, CATEGORY_MARGIN * own)
    return found


def _change(right: Sequence[Floats], places: NDArray[np.int64], margin: float) -> Change:
    """Of what each model gets right (1) or not (0) in each row; `margin` is in rows, or groups."""
    balance = np.bincount(places, right[1] - right[0])
    lost, won = int((balance < 0).sum()), int((balance > 0).sum())
    return Change(lost, won, round(_chance(lost, won, margin), 6))


def _chance(lost: int, won: int, margin: float) -> float:
    """How likely at most `won` of all that changed are gains, where losses exceed gains by `margin`."""
    if lost - won <= margin:
        return 1.0
    changed = lost + won
    gain = (1 - margin / changed) / 2
    whole = lgamma(changed + 1)
    ways = (whole - lgamma(k + 1) - lgamma(changed - k + 1) for k in range(won + 1))
    parts = (way + k * log(gain) + (changed - k) * log(1 - gain) for k, way in enumerate(ways))
    return min(1.0, sum(map(exp, parts)))


def _holm(chances: Mapping[str, float], error: float) -> list[str]:
    """What is beyond chance where at most `error` of the cases without any fault may name one."""
    found: list[str] = []
    for name in sorted(chances, key=lambda name: chances[name]):
        if chances[name] >= error / (len(chances) - len(found)):
            break
        found.append(name)
    return found
