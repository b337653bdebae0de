"""What stands out in the answers: confused pairs, rows that are likely labelled wrongly, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartticket_training.linear import Numbers, Scores
from smartticket_training.measure import BINS
from smartticket_training.report.facts import Facts, Flags

LENGTHS = (1, 5, 10, 20, 50, 100, 200, 500)
"""Where the classes of text length begin, in words."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Rows that agents call `true` and the model calls `said`; `examples` are those it is surest of."""

    true: int
    said: int
    count: int
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is likely wrong, with the probabilities of the given and the suggested one."""

    row: int
    given: int
    suggested: int
    probability_given: float
    probability_suggested: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of about the same confidence: its mean, the share that is right, and how many they are."""

    confidence: float
    right: float
    rows: int


def confusion(facts: Facts) -> Numbers:
    """True (rows) against predicted (columns), counted."""
    size = len(facts.labels)
    return np.bincount(facts.truth * size + facts.predicted, minlength=size * size).reshape(size, size)


def most_confused(facts: Facts, pairs: int = 15, examples: int = 5) -> list[Pair]:
    """The pairs with most errors; single errors only where there are no others."""
    errors = confusion(facts)
    np.fill_diagonal(errors, 0)
    found = []
    for place in np.argsort(-errors.ravel(), kind="stable")[:pairs].tolist():
        true, said = divmod(place, len(facts.labels))
        if errors[true, said] < min(2, max(int(errors.max()), 1)):
            break
        rows = np.flatnonzero((facts.truth == true) & (facts.predicted == said))
        surest = rows[np.argsort(-facts.confidence[rows], kind="stable")][:examples]
        found.append(Pair(true, said, int(errors[true, said]), tuple(surest.tolist())))
    return found


def suspects(truth: Numbers, probabilities: Scores) -> list[Suspect]:
    """Rows that are likely labelled wrongly, the likeliest first: confident learning.

    A row counts as a category when its probability reaches the mean probability that the category has among
    the rows labelled so; of several, the most probable. A row that counts as another category than its label
    is suspect; suspects are ordered by the distance of the two probabilities. Source: Northcutt, Jiang and
    Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021), equations 1 and 2.
    `probabilities` must be out of sample.
    """
    size = probabilities.shape[1]
    given = probabilities[np.arange(len(truth)), truth]
    counts = np.bincount(truth, minlength=size)
    sums = np.bincount(truth, weights=given, minlength=size)
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    counted = np.where(probabilities >= usual, probabilities, -1.0)
    suggested = counted.argmax(axis=1)
    rows = np.flatnonzero((counted.max(axis=1) >= 0) & (suggested != truth))
    margin = given[rows] - probabilities[rows, suggested[rows]]
    return [
        Suspect(
            int(row),
            int(truth[row]),
            int(suggested[row]),
            float(given[row]),
            float(probabilities[row, suggested[row]]),
        )
        for row in rows[np.argsort(margin, kind="stable")]
    ]


def bins(confidence: Scores, right: Flags) -> list[Bin | None]:
    """The 15 bins of equal width that the calibration error is reckoned over; None where no row lies."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found: list[Bin | None] = []
    for number in range(BINS):
        own = places == number
        count = int(own.sum())
        found.append(Bin(float(confidence[own].mean()), float(right[own].mean()), count) if count else None)
    return found


def lengths(facts: Facts) -> tuple[list[int], int]:
    """How many texts are of each class of LENGTHS, and the length of the middle one, in words."""
    words = np.array([len(f"{subject} {body}".split()) for subject, body in facts.trained.data.pairs])
    places = np.searchsorted(LENGTHS, np.maximum(words, 1), side="right") - 1
    return np.bincount(places, minlength=len(LENGTHS)).tolist(), int(np.median(words))
