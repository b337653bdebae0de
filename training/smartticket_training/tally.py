"""How many texts have each term, counted piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from smartticket_training.features import Frequencies, frequencies

MOST_SEEN = 8_000_000
"""Of more different terms those that one text has are forgotten: far too rare to be kept in the end."""

_NONE: Frequencies = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))


class Tally:
    """The frequencies of each block. What is new is merged when it has grown as large as what was there."""

    def __init__(self, blocks: int, most: int = MOST_SEEN) -> None:
        self._most = most
        self._merged = [_NONE] * blocks
        self._new: list[list[Frequencies]] = [[] for _ in range(blocks)]

    def add(self, counts: Sequence[csr_matrix]) -> None:
        """Count the texts of one piece, given by their hashed counts."""
        for block, hashed in enumerate(counts):
            self._new[block].append(frequencies(hashed))
            if sum(len(slots) for slots, _ in self._new[block]) > len(self._merged[block][0]):
                self._merge(block)

    def found(self) -> list[Frequencies]:
        """The frequencies of all that was counted."""
        for block in range(len(self._merged)):
            self._merge(block)
        return self._merged

    def _merge(self, block: int) -> None:
        parts = [self._merged[block], *self._new[block]]
        slots, texts = (np.concatenate([part[n] for part in parts]) for n in (0, 1))
        order = np.argsort(slots, kind="stable")
        slots, texts = slots[order], texts[order]
        first = np.flatnonzero(np.diff(slots, prepend=-1))
        slots, texts = slots[first], np.add.reduceat(texts, first) if len(first) else texts
        often = texts > (1 if len(slots) > self._most else 0)
        self._merged[block], self._new[block] = (slots[often], texts[often]), []
