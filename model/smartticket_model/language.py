"""Which of a few languages a text is in, by the byte n-grams typical of each.

A naive Bayes score over the longest known n-gram that ends at each byte: the scheme of py3langid
(BSD-3-Clause), whose table the training side cuts down to these languages.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FALLBACK = "en"
SHORTEST, LONGEST = 2, 5
"""Length of the n-grams, in bytes."""

_MAX_CHARS = 128
"""Enough to tell, and the price is paid for every message."""
_FEWEST_LETTERS = 10
_LEAST_PROBABILITY = 0.6


def ngram_code(ngram: bytes) -> int:
    """An n-gram of at most LONGEST bytes as one number: its length, then its bytes."""
    return len(ngram) << 48 | int.from_bytes(ngram, "big")


class Languages:
    """Tells the languages in `labels` apart; whatever is none of them, or too short, is FALLBACK."""

    def __init__(self, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> None:
        self._labels = tuple(str(label) for label in labels)
        self._codes = arrays["language.codes"]
        self._logs = arrays["language.logs"]
        self._prior = arrays["language.prior"]
        fits = self._logs.shape == (len(self._codes), len(labels)) and self._prior.shape == (len(labels),)
        if not fits or not len(self._codes) or (self._codes[1:] <= self._codes[:-1]).any():
            raise ValueError("codes must ascend, with one row of logs each")

    def of(self, subject: str, body: str) -> str:
        """Code of the language, as `de`."""
        text = f"{subject}\n{body[:_MAX_CHARS]}"[:_MAX_CHARS].strip()
        if sum(map(str.isalpha, text)) < _FEWEST_LETTERS:
            return FALLBACK
        scores = self.scores(text)
        powers = np.exp(scores - scores.max())
        if powers.max() < _LEAST_PROBABILITY * powers.sum():
            return FALLBACK
        return self._labels[int(scores.argmax())]

    def scores(self, text: str) -> NDArray[np.float64]:
        """One score a language, damped by the length, for n-grams that overlap are not separate witnesses."""
        text = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
        data = np.frombuffer(f" {text} ".encode("utf-8", "ignore"), dtype=np.uint8).astype(np.uint64)
        total = self._logs.take(self._find(data), axis=0).sum(axis=0, dtype=np.float64) + self._prior
        return np.asarray(total / math.sqrt(2 * len(data)))

    def _find(self, data: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Row of the longest known n-gram that ends at each byte; bytes where none ends are left out."""
        wanted = np.zeros((LONGEST - SHORTEST + 1, len(data)), dtype=np.uint64)
        value = data
        for n in range(SHORTEST, min(LONGEST, len(data)) + 1):
            value = value[:-1] << np.uint64(8) | data[n - 1 :]
            wanted[n - SHORTEST, n - 1 :] = value | np.uint64(n << 48)
        places = self._codes.searchsorted(wanted)
        places[places == len(self._codes)] = 0
        known = self._codes.take(places) == wanted
        longest = LONGEST - SHORTEST - known[::-1].argmax(axis=0)
        return np.asarray(places[longest, np.arange(len(data))][known.any(axis=0)])
