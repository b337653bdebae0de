"""The words and phrases that speak most for each category, in readable form.

A model knows its terms by their hash alone. Here the training texts are gone through once more, in memory,
and only terms come out that several people wrote: no addresses, no digits, no names (as far as they are told
from other words), and nothing that fewer than FEWEST_ROWS rows (and FEWEST_GROUPS groups) contain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from smartticket_model.features import SHARE_BLOCK, Block, slots, view, word_terms
from smartticket_training.dataset import Dataset
from smartticket_training.features import counter
from smartticket_training.fit import Fitted
from smartticket_training.report.private import names_in, plain_words

FEWEST_ROWS = 5
FEWEST_GROUPS = 3
MOST_ROWS = 10_000
"""More rows are not looked at: a sample tells the same."""

_CANDIDATES = 100
_TELLING = 0.2
"""Of the way from chance to certainty: how much likelier the category must be where the term is."""


def useful_terms(fitted: Fitted, data: Dataset, seed: int, most: int = 10) -> dict[str, list[str]]:
    """Up to `most` terms for each category, the most useful first.

    A term's use is its mean value in the category's rows times the weight by which it speaks more for the
    category than for the average one. Terms that are hardly more frequent there than elsewhere are left out.
    """
    rows = np.arange(len(data.labels))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    number = next((n for n, b in enumerate(fitted.space.blocks) if b.name == SHARE_BLOCK), None)
    if number is None:
        return {label: [] for label in fitted.category.labels}
    some, block = data.take(rows.tolist()), fitted.space.blocks[number]
    some = replace(some, pairs=list(some.pairs))
    known = fitted.space.known[number].slots_
    ranked = _ranked(fitted, some, number)
    readable = _readable(some, block, np.unique(np.concatenate([known[own] for own in ranked])))
    return {
        label: _distinct((readable.get(int(slot), "") for slot in known[own]), most)
        for label, own in zip(fitted.category.labels, ranked, strict=True)
    }


def _ranked(fitted: Fitted, data: Dataset, number: int) -> list[NDArray[np.int64]]:
    """Per category the places of the most useful terms in block `number`."""
    known, size = fitted.space.known[number], len(fitted.category.labels)
    truth = np.searchsorted(fitted.category.labels, data.labels)
    start = sum(len(before.slots_) for before in fitted.space.known[:number])
    weights = fitted.category.linear.weights[start : start + len(known.slots_), :size]
    counts = known.transform(counter(fitted.space.blocks[number]).transform(data.pairs))
    values, mean = fitted.space.tfidf[number].transform(counts), weights.mean(axis=1)
    counts.data[:] = 1
    everywhere = _sum(counts)
    ranked = []
    for label in range(size):
        rows = np.flatnonzero(truth == label)
        chance = len(rows) / len(truth)
        telling = _sum(counts[rows]) >= everywhere * (chance + _TELLING * (1 - chance))
        use = _sum(values[rows]) * (weights[:, label] - mean) * telling
        best = np.argsort(-use, kind="stable")[:_CANDIDATES]
        ranked.append(best[use[best] > 0])
    return ranked


def _sum(matrix: csr_matrix) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=0)).ravel()


def _readable(data: Dataset, block: Block, wanted: NDArray[np.int32]) -> dict[int, str]:
    """The terms behind the slots, as far as they may be shown."""
    texts = [view(block.view, *pair) for pair in data.pairs]
    names = names_in(texts)
    rows: dict[str, int] = defaultdict(int)
    groups: dict[str, set[str]] = defaultdict(set)
    for number, text in enumerate(texts):
        terms = sorted(set(word_terms(plain_words(text), block.low, block.high)))
        group = data.groups[number] if data.groups else str(number)
        for term in _among(terms, wanted):
            rows[term] += 1
            if len(groups[term]) < FEWEST_GROUPS:
                groups[term].add(group)
    often = [t for t in rows if rows[t] >= FEWEST_ROWS and len(groups[t]) >= FEWEST_GROUPS]
    shown = [term for term in often if names.isdisjoint(term.split())]
    return {int(slot): term for slot, term in zip(slots(shown), shown, strict=True)} if shown else {}


def _among(terms: Sequence[str], wanted: NDArray[np.int32]) -> list[str]:
    """Those without a digit whose slot is wanted."""
    plain = [term for term in terms if "0" not in term]
    return [plain[n] for n in np.flatnonzero(np.isin(slots(plain), wanted))] if plain else []


def _distinct(terms: Iterable[str], most: int) -> list[str]:
    """The first `most`, without those that say the same as one before: `refund` and `a refund`."""
    found: list[str] = []
    for term in terms:
        own = set(term.split())
        if term and not any(own <= set(other.split()) or own >= set(other.split()) for other in found):
            found.append(term)
        if len(found) == most:
            break
    return found
