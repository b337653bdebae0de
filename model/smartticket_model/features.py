"""From text to terms: the one definition that training and runtime share.

A *view* picks a text of the message (`text` is subject and body together, `subject` the subject alone).
A *block* counts one kind of term in one view: word n-grams, or character n-grams inside words with a
space on each side. Terms are known by their hash only (MurmurHash3 as scikit-learn's HashingVectorizer
uses it), so no text of a customer is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import mmh3
import numpy as np
from numpy.typing import NDArray

HASH_SIZE = 1 << 30
"""So wide that an unknown term is hardly ever taken for a known one."""

MAX_CHARS = 32_768
"""Longer texts are judged by their beginning."""

WORD = r"\w+"
_WORD = re.compile(WORD)
_DIGIT = re.compile(r"\d")

VIEWS = ("text", "subject")
ANALYZERS = ("word", "char")


@dataclass(frozen=True, slots=True)
class Block:
    """One group of terms; `low` to `high` is the n-gram length, `weight` scales the unit-length block."""

    view: str
    analyzer: str
    low: int
    high: int
    weight: float = 1.0

    @property
    def name(self) -> str:
        """As `text_word`."""
        return f"{self.view}_{self.analyzer}"


_WORDS, _CHARS = ("word", 1, 2), ("char", 2, 4)

SHARE_BLOCK = "text_word"
"""The block whose share of known terms tells whether a message is in scope."""


def recipe(subject: bool, full: bool) -> tuple[Block, ...]:
    """Blocks for messages with or without a subject, with character n-grams (`full`) or words alone."""
    kinds = (_WORDS, _CHARS) if full else (_WORDS,)
    blocks = [Block("text", *kind) for kind in kinds]
    if subject:
        blocks += [Block("subject", *kind, weight=0.3) for kind in kinds]
    return tuple(blocks)


def view(name: str, subject: str, body: str) -> str:
    """The text a block looks at, uncleaned."""
    if name == "subject":
        return subject
    return f"{subject}\n{body}" if subject and body else subject or body


def clean(text: str) -> str:
    """Unicode compatibility form, lower case, every digit as 0; capped, and free of lone surrogates."""
    encodable = text[:MAX_CHARS].encode("utf-8", "ignore").decode("utf-8")
    lowered = unicodedata.normalize("NFKC", encodable).lower()[:MAX_CHARS]
    return _DIGIT.sub("0", lowered)


def slots(terms: Sequence[str]) -> NDArray[np.int32]:
    """Place of each term in the hashed space, 0 to HASH_SIZE - 1."""
    hashed = np.array([mmh3.hash(term) for term in terms], dtype=np.int64)
    return (np.abs(hashed) % HASH_SIZE).astype(np.int32)


def words(cleaned: str) -> list[str]:
    """Runs of letters, digits and underscores."""
    return _WORD.findall(cleaned)


def word_terms(tokens: list[str], low: int, high: int) -> list[str]:
    """All n-grams of words, joined by a space."""
    terms: list[str] = []
    for n in range(low, high + 1):
        shifted = [tokens[start:] for start in range(n)]
        terms += map(" ".join, zip(*shifted, strict=False)) if n > 1 else tokens
    return terms


def terms_in(tokens: int, low: int, high: int) -> int:
    """How many n-grams that many words have."""
    return sum(max(0, tokens - n + 1) for n in range(low, high + 1))


def char_terms(chunk: str, low: int, high: int) -> list[str]:
    """All n-grams of one space-separated chunk with a space on each side; a short chunk counts once."""
    padded = f" {chunk} "
    terms: list[str] = []
    for n in range(low, high + 1):
        terms += [padded[start : start + n] for start in range(max(len(padded) - n, 0) + 1)]
        if len(padded) <= n:
            break
    return terms
