"""Fit a model: hashed TF-IDF, two linear classifiers made one, calibrated on rows they had not seen.

Every head is fitted on the same features, five times on a part of the rows and once on all. The scores of
the rows left out give the temperatures, the thresholds and the scope; they are kept for a report.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from smartticket_model.features import Block, recipe
from smartticket_model.scope import Scope
from smartticket_training.dataset import Dataset, Pairs
from smartticket_training.features import FittedSpace, counter, word_count
from smartticket_training.linear import Linear, Numbers, Pair, Scores, fit_pair, merged, shares
from smartticket_training.parallel import running_on
from smartticket_training.scope import learn_scope
from smartticket_training.splits import Split, folds, held_out

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done, 0 to 1."""

CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Options:
    """How to train. `held_out` is the share of rows that a model without them is measured on."""

    features: str = "full"
    seed: int = 0
    jobs: int = 2
    backend: str = "threading"
    held_out: float = 0.0


@dataclass(frozen=True, slots=True)
class Head:
    """What is predicted under one name.

    `truth` are numbers among `labels` of the rows that were judged, below zero where the row says nothing.
    `linear` has a column for each label, and the category's one more where a background was learnt.
    `out_of_fold` (rows judged x labels) are calibrated log-probabilities from models that had not seen the
    row, nor its group; `held_out` the same of the rows held out.
    """

    name: str
    labels: list[str]
    truth: Numbers
    linear: Linear
    out_of_fold: Scores
    held_out: Scores | None = None

    @property
    def known(self) -> Numbers:
        """Numbers of the rows that say what is true."""
        return np.flatnonzero(self.truth >= 0)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Fitted heads, and the honest scores of their own training rows.

    `judged` are the numbers of the rows that were judged by a model that had not seen them: all of them
    where `folds` took turns, else a part that was held back. `scopes` (one for each of them) are out of
    fold, as `foreign_scopes` of the rows that were out of scope. `held_out` are the numbers of the rows held
    out, measured by a model that was fitted without them.
    """

    space: FittedSpace
    category: Head
    heads: tuple[Head, ...]
    scope: Scope
    scopes: Scores
    foreign_scopes: Scores
    judged: Numbers
    held_out: Numbers | None = None
    folds: tuple[Split, ...] = field(default=(), repr=False)

    @property
    def background(self) -> bool:
        """Whether rows out of scope were learnt from."""
        return len(self.foreign_scopes) > 0

    @property
    def large(self) -> bool:
        """Whether the rows were too many for memory: learnt piece by piece, and judged in part."""
        return not self.folds


@dataclass(frozen=True, slots=True)
class _Scored:
    """What one part of the work gives: raw scores of the rows that were left out, by head."""

    rows: Numbers
    scores: Mapping[str, tuple[Scores, Scores]]
    known: Scores


def fit(data: Dataset, options: Options, progress: Progress, foreign: Pairs = ()) -> Fitted:
    """Fit on all rows; `foreign` are messages out of scope. Raises DataError when the rows do not suffice."""
    targets = targets_of(data, len(foreign))
    rows = len(data.labels)
    splits = _with_foreign(folds(targets[CATEGORY][:rows], data.groups, options.seed), rows, len(foreign))
    late = held_out(data, options.held_out, options.seed) if options.held_out else None
    work = splits if late is None else [*splits, _with_foreign([late], rows, len(foreign), shown=True)[0]]
    blocks = recipe(data.two_fields, options.features == "full")
    progress("features", 0.0)
    counts = [counter(block).transform([*data.pairs, *foreign]) for block in blocks]
    progress("features", 1.0)
    with warnings.catch_warnings(), threadpool_limits(1):
        parts = list(_scored(blocks, counts, targets, work, options, progress))
        progress("fit", 0.0)
        space, pairs = _learn(blocks, counts, targets)
        progress("fit", 1.0)
    lengths = np.array([word_count(*pair) for pair in [*data.pairs, *foreign]])
    return _together(data, targets, space, pairs, parts, splits, late, lengths)


def labels_of(data: Dataset) -> dict[str, list[str]]:
    """What each head can say, sorted; the category comes first."""
    columns = {CATEGORY: data.labels, **dict(sorted(data.heads.items()))}
    return {name: sorted(set(values) - {""}) for name, values in columns.items()}


def targets_of(data: Dataset, foreign: int) -> dict[str, Numbers]:
    """Numbers of the labels by head; a foreign row is of the background, the category's last number."""
    found = {}
    for name, labels in labels_of(data).items():
        numbers = {label: number for number, label in enumerate(labels)}
        values = data.labels if name == CATEGORY else data.heads[name]
        last = len(labels) if name == CATEGORY else -1
        rows = [numbers.get(value, -1) for value in values]
        found[name] = np.array(rows + [last] * foreign, dtype=np.int64)
    return found


def _with_foreign(splits: list[Split], rows: int, foreign: int, *, shown: bool = False) -> list[Split]:
    """Foreign rows dealt out among the folds; with `shown` all are learnt from."""
    numbers = np.arange(foreign)
    dealt = []
    for fold, (seen, unseen) in enumerate(splits):
        left_out = np.zeros(foreign, dtype=bool) if shown else numbers % len(splits) == fold
        dealt.append(
            (
                np.concatenate([seen, rows + numbers[~left_out]]),
                np.concatenate([unseen, rows + numbers[left_out]]),
            )
        )
    return dealt


def _scored(
    blocks: Sequence[Block],
    counts: Sequence[csr_matrix],
    targets: Mapping[str, Numbers],
    work: Sequence[Split],
    options: Options,
    progress: Progress,
) -> Iterator[_Scored]:
    """The parts of the work, in order, through joblib: in threads here, or where its back-end runs."""
    from joblib import Parallel, delayed

    progress("folds", 0.0)
    with running_on(options.backend, options.jobs):
        parts = Parallel(return_as="generator")(
            delayed(_part)(blocks, targets, split, *counts) for split in work
        )
        for number, part in enumerate(parts, 1):
            progress("folds", number / len(work))
            yield part


def _part(
    blocks: Sequence[Block], targets: Mapping[str, Numbers], split: Split, *counts: csr_matrix
) -> _Scored:
    """`counts` one by one: so a cluster is sent each of them once, not with every part."""
    seen, unseen = split
    some = {name: truth[seen] for name, truth in targets.items()}
    space, pairs = _learn(blocks, _rows(counts, seen), some, targets)
    left = _rows(counts, unseen)
    matrix = space.matrix(left)
    scores = {name: (one.scores(matrix), other.scores(matrix)) for name, (one, other) in pairs.items()}
    return _Scored(unseen, scores, space.share_known(left))


def _learn(
    blocks: Sequence[Block],
    counts: Sequence[csr_matrix],
    targets: Mapping[str, Numbers],
    everything: Mapping[str, Numbers] | None = None,
) -> tuple[FittedSpace, dict[str, Pair]]:
    """One model. `everything` are the targets of all rows, where these are only some."""
    # The passes are few on purpose. Not undone here, for threads share the filters; `fit` does.
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):  # the order of sums, and so the last bit, must not depend on the cores
        space = FittedSpace.of(blocks, counts)
        matrix = space.matrix(counts)
        pairs = {}
        for name, truth in targets.items():
            known = truth >= 0
            some = matrix if known.all() else matrix[known]
            labels = int((everything or targets)[name].max()) + 1
            pairs[name] = fit_pair(some, truth[known], labels)
        return space, pairs


def _together(
    data: Dataset,
    targets: Mapping[str, Numbers],
    space: FittedSpace,
    pairs: Mapping[str, Pair],
    parts: Sequence[_Scored],
    splits: Sequence[Split],
    late: Split | None,
    words: Numbers,
) -> Fitted:
    rows = len(data.labels)
    fold_parts, late_part = parts[: len(splits)], parts[len(splits) :]
    order = np.argsort(np.concatenate([part.rows for part in fold_parts]))
    known = np.concatenate([part.known for part in fold_parts])[order]
    heads = []
    category_scores: Scores = np.empty(0)
    for name, labels in labels_of(data).items():
        truth = targets[name]
        both = [np.concatenate([part.scores[name][n] for part in fold_parts])[order] for n in (0, 1)]
        width = len(labels)
        share = shares(both[0][:rows, :width], both[1][:rows, :width], truth[:rows])
        scores = both[0] * share[0] + both[1] * share[1]
        held = [p.scores[name][0] * share[0] + p.scores[name][1] * share[1] for p in late_part]
        if name == CATEGORY:
            category_scores = scores
        heads.append(
            Head(
                name,
                labels,
                truth[:rows],
                merged(pairs[name], share),
                log_softmax(scores[:rows, :width], axis=1),
                log_softmax(held[0][:, :width], axis=1) if held else None,
            )
        )
    scope, scopes = learn_scope(category_scores, len(heads[0].labels), known, words, rows)
    return Fitted(
        space,
        heads[0],
        tuple(heads[1:]),
        scope,
        scopes[:rows],
        scopes[rows:],
        np.arange(rows),
        late[1] if late else None,
        tuple((seen[seen < rows], unseen[unseen < rows]) for seen, unseen in splits),
    )


def _rows(counts: Sequence[csr_matrix], rows: Numbers) -> list[csr_matrix]:
    return [block[rows] for block in counts]
