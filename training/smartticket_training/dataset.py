"""From rows to training examples: labelled, with text, each text once."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from smartticket_daemon.errors import DataError
from smartticket_training.tables import read_rows

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what: either `text`, or `subject` and `body`."""

    label: str
    text: str | None = None
    subject: str | None = None
    body: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if bool(self.text) == bool(self.subject and self.body):
            raise DataError("name the text column, or the subject and the body column")

    @property
    def two_fields(self) -> bool:
        """True where subject and body stand apart."""
        return self.text is None

    def used(self) -> list[str]:
        """Names of all columns that are read."""
        wanted = (self.label, self.text, self.subject, self.body, self.group)
        return [name for name in wanted if name]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in file order; `groups` is None where none was named. `dropped` counts rows by reason."""

    pairs: list[tuple[str, str]]
    labels: list[str]
    groups: list[str] | None = None
    two_fields: bool = True
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of what a model is trained on."""
        content = json.dumps([self.pairs, self.labels, self.groups], ensure_ascii=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def categories(self) -> list[str]:
        """All labels, sorted."""
        return sorted(set(self.labels))


def normalised(subject: str, body: str) -> str:
    """Text as compared for duplicates: letters and digits alone, case and spacing levelled."""
    text = unicodedata.normalize("NFKC", f"{subject} {body}").casefold()
    return _NOT_WORD.sub(" ", text).strip()


def read_dataset(path: str | Path, columns: Columns, encoding: str = "utf-8") -> Dataset:
    """All labelled rows of a data file, as they stand. Raises DataError."""
    pairs, labels, groups, unlabelled = [], [], [], 0
    for row in read_rows(path, columns.used(), encoding):
        label = row.cells[columns.label].strip()
        if not label:
            unlabelled += 1
            continue
        labels.append(label)
        pairs.append(pair(columns, row.cells))
        groups.append(row.cells[columns.group] if columns.group else "")
    return Dataset(
        pairs,
        labels,
        groups if columns.group else None,
        columns.two_fields,
        {"unlabelled": unlabelled},
    )


def pair(columns: Columns, cells: dict[str, str]) -> tuple[str, str]:
    """Subject and body of one row; a single text is the body."""
    if columns.subject and columns.body:
        return cells[columns.subject], cells[columns.body]
    return "", cells[columns.text or ""]


def cleaned(data: Dataset) -> Dataset:
    """Rows without text left out, and of rows with the same text only the first with its commonest label."""
    import pandas as pd

    texts = [normalised(*p) for p in data.pairs]
    frame = pd.DataFrame({"text": texts, "label": data.labels})
    empty = frame["text"] == ""
    kept = _one_of_each(frame[~empty])
    dropped = {"empty": int(empty.sum()), "duplicate": int((~empty).sum()) - len(kept)}
    return Dataset(
        _take(data.pairs, kept),
        _take(data.labels, kept),
        _take(data.groups, kept) if data.groups else None,
        data.two_fields,
        {**data.dropped, **dropped},
    )


def _one_of_each(frame: pd.DataFrame) -> list[int]:
    """Positions to keep: per text the first row of the label that most of its copies have."""
    frame = frame.assign(place=range(len(frame)), row=frame.index)
    votes = frame.groupby(["text", "label"], sort=False)["place"].agg(["size", "min"])
    rank = votes.sort_values(["size", "min"], ascending=[False, True]).groupby(level="text", sort=False)
    places = sorted(rank["min"].first())
    return [int(frame["row"].iloc[place]) for place in places]


def _take(items: Sequence[T], places: Sequence[int]) -> list[T]:
    return [items[place] for place in places]
