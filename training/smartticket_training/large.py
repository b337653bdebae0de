"""Fit a model to more than memory holds: the same features, learnt piece by piece from the disk.

The messages are gone through once. Their hashed counts, and nothing else of them, go to a folder that lives
as long as the training. A part of the rows is held back (whole groups of them) and judged by a model of the
others: this gives the temperature, the thresholds and the scope. Then one model learns from all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from smartticket_daemon.errors import DataError
from smartticket_model.features import HASH_SIZE, Block, recipe
from smartticket_training.dataset import Dataset, Pairs, size
from smartticket_training.descent import Descent
from smartticket_training.features import FittedSpace, counter, word_count
from smartticket_training.fit import CATEGORY, Fitted, Head, Options, Progress, labels_of, targets_of
from smartticket_training.linear import Linear, Numbers, Scores, best_temperature
from smartticket_training.scope import learn_scope
from smartticket_training.spill import Pieces, scratch
from smartticket_training.splits import held_out
from smartticket_training.tally import Tally

PASSES = 4
"""How often the rows are gone through; more change little."""

HELD_BACK = 0.2
MOST_JUDGED = 40_000
"""So many rows tell temperature and thresholds; their scores are held in memory."""

_PIECE = 4_000_000
"""Size of the messages of one piece."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of the rows that the first model learns from, and of those it judges: `judged` to calibrate on,
    of these `foreign` are out of scope, and `late`, which were held out to be measured on.
    """

    seen: Numbers
    judged: Numbers
    foreign: Numbers
    late: Numbers | None

    def wanted(self) -> Numbers:
        """All that the first model judges."""
        late = [] if self.late is None else [self.late]
        return np.concatenate([self.judged, self.foreign, *late])


@dataclass(frozen=True, slots=True)
class Learnt:
    """A model: its features, and for each head a linear classifier, not yet calibrated."""

    space: FittedSpace
    heads: Mapping[str, Linear]


@dataclass(frozen=True, slots=True)
class Judged:
    """Raw scores by head and the known share of some rows, in the order of their numbers `rows`."""

    rows: Numbers
    scores: Mapping[str, Scores]
    known: Scores

    def of(self, rows: Numbers) -> NDArray[np.int64]:
        """Where these rows stand."""
        return np.searchsorted(self.rows, rows)


def fit_large(data: Dataset, options: Options, progress: Progress, foreign: Pairs, beside: Path) -> Fitted:
    """As `fit`, in memory that does not grow with the messages; a folder on the disk lies `beside` a path.

    All of it is done here, whatever the back-end, for messages do not leave the machine. Raises DataError
    when the rows do not suffice, and ConfigurationError when the disk does not.
    """
    plan = planned(data, len(foreign), options)
    targets = targets_of(data, len(foreign))
    everything = np.arange(len(data.labels) + len(foreign))
    blocks = recipe(data.two_fields, options.features == "full")
    with scratch(beside) as folder, threadpool_limits(1):
        counts = Pieces(folder / "counts", [HASH_SIZE] * len(blocks))
        words = _count(blocks, chain(data.pairs, foreign), len(everything), counts, progress)
        work = _Work(blocks, counts, targets, options.seed)
        judged = work.judge(
            work.learn(plan.seen, folder / "first", lambda share: progress("folds", share)),
            np.sort(plan.wanted()),
        )
        whole = work.learn(everything, folder / "whole", lambda share: progress("fit", share))
    return _together(data, targets, plan, judged, whole, words)


def planned(data: Dataset, foreign: int, options: Options) -> Plan:
    """Which rows the first model learns from: neither those held out nor HELD_BACK of the others' groups.

    Every second foreign row is judged.
    """
    rows = len(data.labels)
    late = held_out(data, options.held_out, options.seed) if options.held_out else None
    free = np.arange(rows) if late is None else late[0]
    groups = [data.groups[row] for row in free] if data.groups else None
    some = Dataset([], [data.labels[row] for row in free], groups)
    back = held_out(some, min(HELD_BACK, MOST_JUDGED / max(len(free), 1)), options.seed)
    if back is None:
        raise DataError("too few rows (or groups) to calibrate on; each category needs several")
    outside = rows + np.arange(foreign)
    return Plan(
        np.concatenate([free[back[0]], outside[1::2]]),
        _at_most(free[back[1]], options.seed),
        outside[::2],
        None if late is None else _at_most(late[1], options.seed),
    )


def _at_most(rows: Numbers, seed: int) -> Numbers:
    if len(rows) <= MOST_JUDGED:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_JUDGED, replace=False))


def _count(
    blocks: Sequence[Block], pairs: Iterable[tuple[str, str]], rows: int, counts: Pieces, progress: Progress
) -> Numbers:
    """Fill `counts` with the messages' terms; returns how many words each has."""
    progress("features", 0.0)
    words = np.zeros(rows, dtype=np.int64)
    done = 0
    for chunk in _chunks(pairs):
        own = np.arange(done, done + len(chunk))
        counts.add(counts.count, own, [counter(block).transform(chunk) for block in blocks])
        words[own], done = [word_count(*pair) for pair in chunk], done + len(chunk)
        progress("features", done / rows)
    return words


def _chunks(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    chunk: list[tuple[str, str]] = []
    found = 0
    for pair in pairs:
        chunk.append(pair)
        found += size(*pair)
        if found >= _PIECE:
            yield chunk
            chunk, found = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True, slots=True)
class _Work:
    """What all models are learnt from."""

    blocks: Sequence[Block]
    counts: Pieces
    targets: Mapping[str, Numbers]
    seed: int

    def learn(self, rows: Numbers, folder: Path, progress: Callable[[float], None]) -> Learnt:
        """One model of these rows; its feature values stand in `folder` meanwhile."""
        progress(0.0)
        tally = Tally(len(self.blocks))
        for _, counts in self._of(rows):
            tally.add(counts)
        space = FittedSpace(self.blocks, tally.found(), len(rows))
        terms, chance = sum(len(known.slots_) for known in space.known), np.random.default_rng(self.seed)
        dealt = Pieces(folder, [terms])
        self._deal(rows, space, dealt, chance)
        heads = {
            name: Descent(terms, int(truth.max()) + 1, int((truth[rows] >= 0).sum()), self.seed)
            for name, truth in self.targets.items()
        }
        for number in range(PASSES):
            for done, piece in enumerate(chance.permutation(dealt.count).tolist(), 1):
                own, (matrix,) = dealt.read(piece)
                for name, head in heads.items():
                    truth = self.targets[name][own]
                    head.learn(matrix[truth >= 0], truth[truth >= 0])
                progress((number + done / dealt.count) / PASSES)
        dealt.remove()
        return Learnt(space, {name: head.linear() for name, head in heads.items()})

    def _deal(self, rows: Numbers, space: FittedSpace, dealt: Pieces, chance: np.random.Generator) -> None:
        """The rows' feature values, each row to a piece by chance, for files are often sorted."""
        for own, counts in self._of(rows):
            matrix, to = space.matrix(counts), chance.integers(self.counts.count, size=len(own))
            for piece in range(self.counts.count):
                some = np.flatnonzero(to == piece)
                dealt.add(piece, own[some], [matrix[some]])

    def judge(self, model: Learnt, rows: Numbers) -> Judged:
        """The model's scores of these rows, which must ascend."""
        scores: dict[str, list[Scores]] = {name: [] for name in model.heads}
        known = []
        for _, counts in self._of(rows):
            matrix = model.space.matrix(counts)
            for name, linear in model.heads.items():
                scores[name].append(linear.scores(matrix))
            known.append(model.space.share_known(counts))
        found = {name: np.concatenate(own) for name, own in scores.items()}
        return Judged(rows, found, np.concatenate(known))

    def _of(self, rows: Numbers) -> Iterator[tuple[Numbers, list[csr_matrix]]]:
        """Piece by piece the counts of these rows alone."""
        wanted = np.zeros(len(self.targets[CATEGORY]), dtype=bool)
        wanted[rows] = True
        for own, counts in self.counts:
            some = np.flatnonzero(wanted[own])
            if len(some):
                yield own[some], [matrix[some] for matrix in counts]


def _together(
    data: Dataset,
    targets: Mapping[str, Numbers],
    plan: Plan,
    judged: Judged,
    whole: Learnt,
    words: Numbers,
) -> Fitted:
    rows = judged.of(plan.judged)
    truth = {name: own[plan.judged] for name, own in targets.items()}
    labels = labels_of(data)
    heat = {name: _heat(name, judged.scores[name][rows, : len(labels[name])], truth[name]) for name in labels}

    def likely(name: str, places: Numbers) -> Scores:
        scores = judged.scores[name][places, : len(labels[name])]
        return np.asarray(log_softmax(scores / heat[name], axis=1))

    heads = [
        Head(
            name,
            labels[name],
            truth[name],
            _cooled(whole.heads[name], heat[name]),
            likely(name, rows),
            None if plan.late is None else likely(name, judged.of(plan.late)),
        )
        for name in labels
    ]
    places = np.concatenate([rows, judged.of(plan.foreign)])
    scores, lengths = judged.scores[CATEGORY][places] / heat[CATEGORY], words[judged.rows[places]]
    scope, scopes = learn_scope(scores, len(heads[0].labels), judged.known[places], lengths, len(rows))
    own, foreign = scopes[: len(rows)], scopes[len(rows) :]
    return Fitted(whole.space, heads[0], tuple(heads[1:]), scope, own, foreign, plan.judged, plan.late)


def _heat(name: str, scores: Scores, truth: Numbers) -> float:
    """The temperature of a head's scores."""
    known = truth >= 0
    if not known.any():
        raise DataError(f"too few rows have a value for the head {name}; leave its column out")
    return best_temperature(scores[known], truth[known])


def _cooled(linear: Linear, heat: float) -> Linear:
    weights = (linear.weights / np.float32(heat)).astype(np.float32)
    return Linear(weights, linear.bias / heat)
