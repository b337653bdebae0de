"""Which rows are learnt from and which are scored: folds for calibration, and a part held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from smartticket_daemon.errors import DataError
from smartticket_training.dataset import Dataset

Numbers = NDArray[np.int64]
Split = tuple[Numbers, Numbers]
"""Numbers of the rows to learn from, and of the rows to score."""

FOLDS = 5


def folds(truth: Numbers, groups: Sequence[str] | None, seed: int) -> list[Split]:
    """Every row is scored once; a group never lies on both sides. Five times, or as often as rows allow.

    Raises DataError when the rows (or groups) are too few.
    """
    most = int(np.bincount(truth).max(initial=0))
    count = min(FOLDS, most, len(set(groups)) if groups else most)
    if count < 2:
        raise DataError("too few rows (or groups) to calibrate on; each category needs several")
    kind = StratifiedGroupKFold if groups else StratifiedKFold
    splitter = kind(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        split = splitter.split(np.zeros(len(truth)), truth, groups)
        return [(seen, unseen) for seen, unseen in split if len(seen) and len(unseen)]


def held_out(data: Dataset, share: float, seed: int) -> Split | None:
    """The latest `share` of the rows where times are known, else that share of the groups by chance.

    Rows of a group that has a row held out are not learnt from. None when nothing is left on one side.
    """
    count = len(data.labels)
    order = by_time(data.times) if data.times else _by_chance(data.groups, count, seed)
    unseen = np.sort(order[count - round(count * share) :])
    if data.groups:
        groups = np.array(data.groups, dtype=object)
        touched = np.isin(groups, list(set(groups[unseen])))
        if not data.times:
            unseen = np.flatnonzero(touched)
        seen = np.flatnonzero(~touched)
    else:
        seen = np.setdiff1d(np.arange(count), unseen)
    return (seen, unseen) if len(unseen) and len(set(np.array(data.labels)[seen])) > 1 else None


def by_time(times: Sequence[str]) -> Numbers:
    """Row numbers from the earliest to the latest; rows of one moment in file order."""
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(times), errors="coerce")
    moments = pd.to_datetime(pd.Series(times), errors="coerce", utc=True, format="mixed")
    values = numbers if numbers.notna().all() else moments
    if values.isna().any():
        place = int(np.flatnonzero(values.isna())[0])
        raise DataError(f"row {place + 1} with a label: its time is none; write it as 2026-11-23T10:00:00Z")
    return np.asarray(values.argsort(kind="stable"), dtype=np.int64)


def _by_chance(groups: Sequence[str] | None, count: int, seed: int) -> Numbers:
    shuffled = np.random.default_rng(seed).permutation(count)
    if groups is None:
        return shuffled
    first: dict[str, int] = {}
    for place in shuffled.tolist():
        first.setdefault(groups[place], len(first))
    return np.array(sorted(range(count), key=lambda row: first[groups[row]]), dtype=np.int64)
