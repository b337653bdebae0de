"""From labelled rows to training examples: each with text, each text once, no category too small."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from smartticket_training.dataset import Dataset, normalised

if TYPE_CHECKING:
    import pandas as pd

SmallClasses = Literal["keep", "merge", "drop"]

SMALL = 10
"""A category of fewer rows can hardly be learnt, and gets no threshold."""

OTHER = "other"
"""What small categories are merged into."""


def cleaned(data: Dataset) -> Dataset:
    """Rows without text left out, and of rows with the same text only the first with its commonest label."""
    import pandas as pd

    texts = _marks(normalised(*pair) for pair in data.pairs)
    frame = pd.DataFrame({"text": texts, "label": data.labels})
    empty = frame["text"] == _mark("")
    kept = _one_of_each(frame[~empty])
    dropped = {"empty": int(empty.sum()), "duplicate": int((~empty).sum()) - len(kept)}
    return replace(data.take(kept), dropped={**data.dropped, **dropped})


def near_duplicates(data: Dataset) -> int:
    """How many rows have the same words as an earlier one, whatever their order, number and digits."""
    seen = _marks(_words(*pair) for pair in data.pairs)
    return len(seen) - len(np.unique(seen))


def small_classes(data: Dataset) -> dict[str, int]:
    """Categories of fewer than SMALL rows, and how many they have."""
    counts = sorted(Counter(data.labels).items())
    return {label: number for label, number in counts if number < SMALL}


def without_small(data: Dataset, small: Mapping[str, int], what: SmallClasses) -> Dataset:
    """Small categories kept, merged into OTHER, or dropped (and counted)."""
    if what == "keep" or not small:
        return data
    if what == "merge":
        return replace(data, labels=[OTHER if label in small else label for label in data.labels])
    kept = [place for place, label in enumerate(data.labels) if label not in small]
    return replace(data.take(kept), dropped={**data.dropped, "small class": sum(small.values())})


def _words(subject: str, body: str) -> str:
    words = set(normalised(subject, body).split())
    return " ".join(sorted(word for word in words if not word.isdigit()))


def _mark(text: str) -> int:
    """64 bits that stand for a text: of a million texts two have the same once in 40 million times."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _marks(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.fromiter(map(_mark, texts), dtype=np.uint64)


def _one_of_each(frame: pd.DataFrame) -> list[int]:
    """Positions to keep: per text the first row of the label that most of its copies have."""
    frame = frame.assign(place=range(len(frame)), row=frame.index)
    votes = frame.groupby(["text", "label"], sort=False)["place"].agg(["size", "min"])
    rank = votes.sort_values(["size", "min"], ascending=[False, True]).groupby(level="text", sort=False)
    places = sorted(rank["min"].first())
    return [int(frame["row"].iloc[place]) for place in places]
