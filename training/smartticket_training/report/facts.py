"""What a report is made of, and the answers that every part of it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartticket_model import Model
from smartticket_training.build import Trained
from smartticket_training.linear import Numbers, Scores

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Facts:
    """A training, how it was asked for (`settings`, in the reader's words), and the model it may replace.

    `when` is the day of the report. All that is counted here is out of fold: every row was judged by a model
    that had not seen it.
    """

    trained: Trained
    settings: Mapping[str, str] = field(default_factory=dict)
    running: Model | None = None
    when: date = date.min

    @property
    def labels(self) -> Sequence[str]:
        """All categories, sorted."""
        return self.trained.fitted.category.labels

    @property
    def truth(self) -> Numbers:
        """What agents said of each row that was judged, as numbers of `labels`."""
        return self.trained.fitted.category.truth

    @property
    def rows(self) -> int:
        """How many rows were learnt from."""
        return self.trained.rows

    @cached_property
    def probabilities(self) -> Scores:
        """Rows judged x labels."""
        return np.asarray(np.exp(self.trained.fitted.category.out_of_fold))

    @cached_property
    def predicted(self) -> Numbers:
        """The model's best category of each row."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> Scores:
        """Its probability."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def right(self) -> Flags:
        """Where the best category is what the agents said."""
        return np.asarray(self.predicted == self.truth)

    @cached_property
    def counts(self) -> Numbers:
        """How many rows each category has."""
        return np.unique([*self.labels, *self.trained.data.labels], return_counts=True)[1] - 1

    @cached_property
    def least(self) -> Scores:
        """Each category's threshold; infinite where it always abstains."""
        return np.array([self.trained.thresholds.get(label, np.inf) for label in self.labels])

    @property
    def headline(self) -> Mapping[str, Any]:
        """The figures that count most: of the rows held out, where there are such, else out of fold."""
        return self.trained.held_out or self.trained.metrics

    def line(self, judged: int) -> str:
        """Where a row that was judged stands in the data file; its number, where it came from none."""
        lines, row = self.trained.data.lines, int(self.trained.fitted.judged[judged])
        if not lines:
            return str(row + 1)
        return str(lines[row]) if lines[row] else "a correction"
