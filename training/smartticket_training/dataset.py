"""From a data file to labelled rows."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from smartticket_daemon.errors import DataError
from smartticket_training.tables import Row, read_rows

T = TypeVar("T")
Pairs = Sequence[tuple[str, str]]
"""Subject and body of messages."""

_NOT_WORD = re.compile(r"[\W_]+")
_HEAD = re.compile(r"[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what: either `text`, or `subject` and `body`."""

    label: str
    text: str | None = None
    subject: str | None = None
    body: str | None = None
    group: str | None = None
    time: str | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    """Further heads: name and column, as {"priority": "urgency"}."""

    def __post_init__(self) -> None:
        if bool(self.text) == bool(self.subject and self.body):
            raise DataError("name the text column, or the subject and the body column")
        if wrong := [name for name in self.heads if not _HEAD.fullmatch(name)]:
            raise DataError(f"{wrong[0]}: not a head's name; use small letters, digits and _, as priority")

    @property
    def two_fields(self) -> bool:
        """True where subject and body stand apart."""
        return self.text is None

    def used(self) -> list[str]:
        """Names of all columns that are read."""
        wanted = (self.label, self.text, self.subject, self.body, self.group, self.time, *self.heads.values())
        return [name for name in wanted if name]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in file order; `groups` and `times` are None where none was named.

    `heads` hold what further heads shall say, empty where a row says nothing; `lines` are the rows' lines in
    the file, or their numbers. `dropped` counts rows by reason.
    """

    pairs: list[tuple[str, str]]
    labels: list[str]
    groups: list[str] | None = None
    two_fields: bool = True
    dropped: dict[str, int] = field(default_factory=dict)
    times: list[str] | None = None
    heads: dict[str, list[str]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 of what a model is trained on."""
        content = [self.pairs, self.labels, self.groups, self.times, self.heads]
        return hashlib.sha256(
            json.dumps(content, ensure_ascii=True, sort_keys=True).encode("ascii")
        ).hexdigest()

    def categories(self) -> list[str]:
        """All labels, sorted."""
        return sorted(set(self.labels))

    def take(self, places: Sequence[int]) -> Dataset:
        """These rows alone, in this order."""
        return replace(
            self,
            pairs=_take(self.pairs, places),
            labels=_take(self.labels, places),
            groups=_take(self.groups, places) if self.groups else None,
            times=_take(self.times, places) if self.times else None,
            heads={name: _take(values, places) for name, values in self.heads.items()},
            lines=_take(self.lines, places) if self.lines else [],
        )


def normalised(subject: str, body: str) -> str:
    """Text as compared for duplicates: letters and digits alone, case and spacing levelled."""
    text = unicodedata.normalize("NFKC", f"{subject} {body}").casefold()
    return _NOT_WORD.sub(" ", text).strip()


def read_dataset(path: str | Path, columns: Columns, encoding: str = "utf-8") -> Dataset:
    """All labelled rows of a data file, as they stand. Raises DataError."""
    kept: list[Row] = []
    unlabelled = 0
    used = columns.used()
    for row in read_rows(path, used, encoding):
        if row.cells[columns.label].strip():
            kept.append(Row(row.line, {name: row.cells[name] for name in used}))
        else:
            unlabelled += 1
    cells = [row.cells for row in kept]
    return Dataset(
        pairs=[pair(columns, own) for own in cells],
        labels=[own[columns.label].strip() for own in cells],
        groups=[own[columns.group] for own in cells] if columns.group else None,
        two_fields=columns.two_fields,
        dropped={"unlabelled": unlabelled},
        times=[own[columns.time].strip() for own in cells] if columns.time else None,
        heads={name: [own[column].strip() for own in cells] for name, column in columns.heads.items()},
        lines=[row.line for row in kept],
    )


def read_texts(path: str | Path, columns: Columns, encoding: str = "utf-8") -> list[tuple[str, str]]:
    """Subject and body of every row that has text, each once; labels do not matter. Raises DataError."""
    wanted = [name for name in (columns.text, columns.subject, columns.body) if name]
    found: dict[str, tuple[str, str]] = {}
    for row in read_rows(path, wanted, encoding):
        own = pair(columns, row.cells)
        if text := normalised(*own):
            found.setdefault(text, own)
    if not found:
        raise DataError(f"{path}: no row has text")
    return list(found.values())


def pair(columns: Columns, cells: Mapping[str, str]) -> tuple[str, str]:
    """Subject and body of one row; a single text is the body."""
    if columns.subject and columns.body:
        return cells[columns.subject], cells[columns.body]
    return "", cells[columns.text or ""]


def _take(items: Sequence[T], places: Sequence[int]) -> list[T]:
    return [items[place] for place in places]
