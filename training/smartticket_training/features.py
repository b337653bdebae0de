"""The runtime's features as scikit-learn transformers, so that a model is also an ordinary Pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from smartticket_daemon.errors import DataError
from smartticket_model.features import HASH_SIZE, SHARE_BLOCK, WORD, Block, clean, view, words

Pairs = Sequence[tuple[str, str]]

Frequencies = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Columns of the hashed space, ascending, and how many texts have each."""

MOST_TERMS = 100_000
"""Bounds a model's size and a training's memory: the rarest terms are left out."""


class View(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """From (subject, body) pairs to the text that a block looks at."""

    def __init__(self, name: str = "text") -> None:
        self.name = name

    def fit(self, _pairs: Pairs, _y: object = None) -> View:
        """Nothing to learn."""
        return self

    def transform(self, pairs: Pairs) -> list[str]:
        """One text for each pair."""
        return [view(self.name, subject, body) for subject, body in pairs]

    def __sklearn_is_fitted__(self) -> bool:
        return True


class Known(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps the hashed columns that at least `min_documents` training texts have."""

    def __init__(self, min_documents: int = 1) -> None:
        self.min_documents = min_documents

    def fit(self, counts: csr_matrix, _y: object = None) -> Known:
        """Learn which columns to keep, and how many texts have each."""
        return self.keep(frequencies(counts))

    def keep(self, found: Frequencies) -> Known:
        """As `fit`, where it is known how many texts have each column."""
        slots, frequencies = found
        kept = frequencies >= self.min_documents
        self.slots_: NDArray[np.int32] = slots[kept]
        self.frequencies_: NDArray[np.int64] = frequencies[kept]
        return self

    def transform(self, counts: csr_matrix) -> csr_matrix:
        """The kept columns alone. (Slicing by columns would take memory for the whole hashed space.)"""
        places = self.slots_.searchsorted(counts.indices)
        places[places == len(self.slots_)] = 0
        kept = self.slots_[places] == counts.indices
        ends = np.concatenate([[0], np.cumsum(kept)])[counts.indptr]
        shape = (counts.shape[0], len(self.slots_))
        return csr_matrix((counts.data[kept], places[kept], ends), shape=shape)


def word_count(subject: str, body: str) -> int:
    """How many words a message has."""
    return len(words(clean(view("text", subject, body))))


def counter(block: Block) -> Pipeline:
    """From pairs to hashed counts of one block; learns nothing."""
    options: dict[str, Any] = {"analyzer": "char_wb"}
    if block.analyzer == "word":
        options = {"analyzer": "word", "token_pattern": WORD}
    hashing = HashingVectorizer(
        n_features=HASH_SIZE,
        preprocessor=clean,
        ngram_range=(block.low, block.high),
        norm=None,
        dtype=np.float32,
        alternate_sign=False,
        **options,
    )
    return Pipeline([("view", View(block.view)), ("hash", hashing)])


def frequencies(counts: csr_matrix) -> Frequencies:
    """The columns that texts have, ascending, and how many texts have each."""
    slots, texts = np.unique(counts.indices, return_counts=True)
    return slots, texts


def fewest_documents(found: Sequence[Frequencies]) -> int:
    """How many texts must have a term for it to be kept: as few as leave at most MOST_TERMS."""
    texts = np.concatenate([own for _, own in found])
    fewest = 1
    while int((texts >= fewest).sum()) > MOST_TERMS:
        fewest += 1
    return fewest


class FittedSpace:
    """Known terms and their weights of every block, learnt from how many of the `documents` have each."""

    def __init__(self, blocks: Sequence[Block], found: Sequence[Frequencies], documents: int) -> None:
        fewest = fewest_documents(found)
        known = [Known(fewest).keep(own) for own in found]
        self._used = [number for number, one in enumerate(known) if len(one.slots_)]
        if not self._used:
            raise DataError("no word occurs often enough to learn from")
        self.documents = documents
        self.blocks = [blocks[number] for number in self._used]
        self.known = [known[number] for number in self._used]
        self.tfidf = [_tfidf(one, documents) for one in self.known]

    @classmethod
    def of(cls, blocks: Sequence[Block], counts: Sequence[csr_matrix]) -> FittedSpace:
        """Learnt from hashed counts of training texts."""
        return cls(blocks, [frequencies(hashed) for hashed in counts], counts[0].shape[0])

    def matrix(self, counts: Sequence[csr_matrix]) -> csr_matrix:
        """Feature values of texts given by their hashed counts, one matrix for each block of the recipe."""
        parts = [
            block.weight * tfidf.transform(known.transform(counts[number]))
            for block, known, tfidf, number in zip(
                self.blocks, self.known, self.tfidf, self._used, strict=True
            )
        ]
        return hstack(parts, format="csr", dtype=np.float32)

    def share_known(self, counts: Sequence[csr_matrix]) -> NDArray[np.float64]:
        """Which share of each text's words and phrases is known; 0 where it has none."""
        found = np.zeros(counts[0].shape[0])
        total = np.zeros(counts[0].shape[0])
        for block, known, number in zip(self.blocks, self.known, self._used, strict=True):
            if block.name == SHARE_BLOCK:
                found += known.transform(counts[number]).sum(axis=1).A1
                total += counts[number].sum(axis=1).A1
        return np.divide(found, total, out=np.zeros_like(found), where=total > 0)

    def union(self) -> FeatureUnion:
        """The same as one scikit-learn transformer of (subject, body) pairs."""
        steps = [
            (block.name, Pipeline([("count", counter(block)), ("known", known), ("tfidf", tfidf)]))
            for block, known, tfidf in zip(self.blocks, self.known, self.tfidf, strict=True)
        ]
        return FeatureUnion(steps, transformer_weights={block.name: block.weight for block in self.blocks})


def _tfidf(known: Known, documents: int) -> TfidfTransformer:
    """Fitted, as on the texts themselves: smoothed as if one more text had every term."""
    tfidf = TfidfTransformer(sublinear_tf=True)
    texts = known.frequencies_.astype(np.float32) + 1
    tfidf.idf_ = np.log((documents + 1) / texts) + 1
    return tfidf
