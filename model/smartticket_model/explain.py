"""Which words and phrases carried a prediction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smartticket_model.features import word_terms, words
from smartticket_model.space import Positions, Space, Vector


def contributions(
    space: Space, vector: Vector, weights: NDArray[np.float64], subject: str, body: str
) -> list[tuple[str, float]]:
    """Value times weight of every known term, gathered by readable term, strongest first.

    `weights` belong to the vector's positions. A term that occurs several times, or shares its slot with
    another, is given its part by occurrence, so that the sum stays exact.
    """
    shares = vector.values * weights / vector.counts
    found: defaultdict[str, float] = defaultdict(float)
    for term, positions in _occurrences(space, subject, body):
        if len(positions):
            found[term] += float(shares[np.searchsorted(vector.positions, positions)].sum())
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def _occurrences(space: Space, subject: str, body: str) -> Iterator[tuple[str, Positions]]:
    """Every word, phrase and chunk of the message with the positions of its known terms."""
    for index, text in space.texts(subject, body):
        if index.block.analyzer == "word":
            for term in word_terms(words(text), index.block.low, index.block.high):
                yield term, index.find([term])
        else:
            for chunk in text.split():
                yield " ".join(words(chunk)) or chunk, index.of_chunk(chunk)
