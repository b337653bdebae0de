"""From terms to a sparse vector of known terms: sublinear TF-IDF, each block of unit length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smartticket_model.features import (
    HASH_SIZE,
    SHARE_BLOCK,
    Block,
    char_terms,
    clean,
    slots,
    terms_in,
    view,
    word_terms,
    words,
)

Positions = NDArray[np.int32]

_CACHED_CHUNKS = 8192
_LONGEST_CACHED = 32
_NONE = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Vector:
    """The known terms of one message: their `positions`, how often each occurs, and their `values`.

    `known` is the share of the message's words and phrases that the model knows, 0 to 1; `words` is how many
    words there are.
    """

    positions: Positions
    counts: NDArray[np.int64]
    values: NDArray[np.float64]
    known: float
    words: int


class _Index:
    """Positions of one block's known slots. Chunks of text seen before are answered from memory."""

    def __init__(self, block: Block, known: NDArray[np.uint32], start: int) -> None:
        self.block = block
        self._slots = np.append(known, HASH_SIZE).astype(np.int32)  # so that every search ends inside
        if (np.diff(self._slots) <= 0).any():
            raise ValueError("slots must ascend")
        self._start = start
        self._cached = lru_cache(maxsize=_CACHED_CHUNKS)(self._of_chunk)

    def find(self, terms: Sequence[str]) -> Positions:
        """Positions of the terms that are known, in their order."""
        wanted = slots(terms)
        places = self._slots.searchsorted(wanted)
        known = places[self._slots.take(places) == wanted]
        return np.asarray(known + self._start, dtype=np.int32)

    def positions(self, cleaned: str, tokens: list[str]) -> list[Positions]:
        """Positions of all known terms of a cleaned text, repeated as often as they occur.

        `tokens` are its words.
        """
        if self.block.analyzer == "word":
            return [self.find(word_terms(tokens, self.block.low, self.block.high))]
        return [self.of_chunk(chunk) for chunk in cleaned.split()]

    def of_chunk(self, chunk: str) -> Positions:
        """Positions of the character n-grams of one space-separated chunk."""
        return self._cached(chunk) if len(chunk) <= _LONGEST_CACHED else self._of_chunk(chunk)

    def _of_chunk(self, chunk: str) -> Positions:
        return self.find(char_terms(chunk, self.block.low, self.block.high))


class Space:
    """All known terms of a model, block after block; `size` is how many there are.

    `known` (slots) and `frequencies` run over all blocks (ascending slots within each), `sizes` says how many
    terms each block has, `documents` how many texts the frequencies were counted in.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        sizes: Sequence[int],
        known: NDArray[np.uint32],
        frequencies: NDArray[np.uint32],
        documents: int,
    ) -> None:
        ends = np.cumsum(sizes)
        starts = ends - sizes
        self.size = int(ends[-1])
        self.indexes = [
            _Index(block, known[start:end], int(start))
            for block, start, end in zip(blocks, starts, ends, strict=True)
        ]
        self._ends = ends
        self._weights = np.array([block.weight for block in blocks])
        # Smoothed as in scikit-learn's TfidfTransformer: as if one more text held every term.
        self._idf = np.log((1 + documents) / (1.0 + frequencies)) + 1

    def texts(self, subject: str, body: str) -> Iterator[tuple[_Index, str]]:
        """Every block's index with the cleaned text it looks at."""
        cleaned: dict[str, str] = {}
        for index in self.indexes:
            name = index.block.view
            if name not in cleaned:
                cleaned[name] = clean(view(name, subject, body))
            yield index, cleaned[name]

    def vector(self, subject: str, body: str) -> Vector:
        """The message as a sparse vector; empty when none of its terms is known."""
        found, known, length = [_NONE], 0.0, 0
        for index, text in self.texts(subject, body):
            tokens = words(text) if index.block.analyzer == "word" else []
            parts = index.positions(text, tokens)
            found += parts
            if index.block.name == SHARE_BLOCK:
                length = len(tokens)
                known = len(parts[0]) / max(1, terms_in(length, index.block.low, index.block.high))
        positions, counts = np.unique(np.concatenate(found), return_counts=True)
        values = (np.log(counts) + 1) * self._idf.take(positions)
        block = self._ends.searchsorted(positions, side="right")
        norms = np.sqrt(np.bincount(block, values * values, minlength=len(self._weights)))
        norms[norms == 0] = 1.0
        return Vector(positions, counts, values * (self._weights / norms).take(block), known, length)
