"""All that a report has to find out, each thing once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartticket_training.report.facts import Facts
from smartticket_training.report.findings import Pair, Suspect, most_confused, suspects
from smartticket_training.report.growth import Size, last_doubling, learning_curve
from smartticket_training.report.rivals import Against, against_running, baseline
from smartticket_training.report.terms import useful_terms


@dataclass(frozen=True, slots=True)
class Found:
    """What the sections tell. `sizes` is the learning curve, `judged` the rows it was measured on."""

    pairs: list[Pair]
    suspects: list[Suspect]
    sizes: list[Size]
    judged: int
    terms: dict[str, list[str]]
    commonest: str
    commonest_share: float
    against: Against | None

    @property
    def gain(self) -> float:
        """What a doubling of the rows gave at the end of the learning curve, in accuracy."""
        return last_doubling(self.sizes)

    @property
    def noise(self) -> float:
        """Differences of accuracy up to this much may be chance (two standard errors)."""
        if not self.sizes:
            return 0.0
        share = self.sizes[-1].accuracy
        return 2 * float(np.sqrt(share * (1 - share) / self.judged))


def find(facts: Facts, seed: int) -> Found:
    """Takes about a sixth of the time of the training, and less where rows are many."""
    trained = facts.trained
    sizes, judged = learning_curve(trained.fitted, trained.data, seed)
    commonest, share = baseline(facts)
    return Found(
        most_confused(facts),
        suspects(facts.truth, facts.probabilities),
        sizes,
        judged,
        useful_terms(trained.fitted, trained.data, seed),
        commonest,
        share,
        against_running(facts, seed),
    )
