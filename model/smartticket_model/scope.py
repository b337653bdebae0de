"""How much a message is like anything the model was trained on.

Three signs: the *energy* of the category scores (the logarithm of the sum of their exponentials; Liu et al.
2020), the share of the message's words and phrases that are known, and, where foreign messages were shown in
training, the lead of the best category's score over that of the background, which stands for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


NEAR_EMPTY = -1e3
"""The scope of a message too short to judge."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A weighted sum of the signs; below zero the message is out of scope.

    So is one of fewer than `fewest` words: any single word weighs too much in it.
    """

    weights: Numbers
    bias: float
    fewest: int = 0

    @classmethod
    def of_manifest(cls, entry: Mapping[str, Any], *, background: bool) -> Scope:
        """Raises ValueError for what does not hold together."""
        weights, bias = np.array(entry["weights"], dtype=np.float64), float(entry["bias"])
        if weights.shape != (2 + background,) or not np.isfinite([*weights, bias]).all():
            raise ValueError
        return cls(weights, bias, int(entry["fewest"]))

    def of(self, found: Numbers, words: NDArray[np.int64] | int) -> Numbers:
        """The scope of one message's signs and number of words, or of many (rows x signs)."""
        return np.where(np.asarray(words) < self.fewest, NEAR_EMPTY, found @ self.weights + self.bias)


def signs(scores: Numbers, background: Numbers | None, known: Numbers | float) -> Numbers:
    """The signs of category scores (any number of rows x labels): one more axis of two or three."""
    best = scores.max(axis=-1)
    energy = best + np.log(np.exp(scores - best[..., None]).sum(axis=-1))
    found = [energy, known] if background is None else [energy, known, best - background]
    return np.stack(np.broadcast_arrays(*found), axis=-1)
