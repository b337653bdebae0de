"""From a data file to labelled rows."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from smartticket_daemon.errors import DataError
from smartticket_training.stored import Stored
from smartticket_training.tables import read_rows

T = TypeVar("T")
Pairs = Sequence[tuple[str, str]]
"""Subject and body of messages."""

IN_MEMORY = 16_000_000
"""Size of the messages that are held in memory at most, as `size` counts it: with so many a training on two
cores takes a little less than 2 GB. It is 40,000 messages of 300 characters, or 100,000 of 60."""

_A_ROW = 100
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
        return [*self.texts(), *self.besides()]

    def texts(self) -> list[str]:
        """Names of those with the message."""
        return [name for name in (self.text, self.subject, self.body) if name]

    def besides(self) -> list[str]:
        """Names of those that tell something of it."""
        wanted = (self.label, self.group, self.time, *self.heads.values())
        return [name for name in wanted if name]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in file order; `groups` and `times` are None where none was named.

    `heads` hold what further heads shall say, empty where a row says nothing; `lines` are the rows' lines in
    the file, or their numbers. `dropped` counts rows by reason. `pairs` too large for memory are Stored: they
    are gone through in order, and taken in order.
    """

    pairs: list[tuple[str, str]] | Stored
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
        found = hashlib.sha256(b"[[")
        for place, pair in enumerate(self.pairs):
            found.update(f"{', ' if place else ''}{json.dumps(pair)}".encode("ascii"))
        others = json.dumps([self.labels, self.groups, self.times, self.heads], sort_keys=True)
        found.update(f"], {others[1:]}".encode("ascii"))
        return found.hexdigest()

    def categories(self) -> list[str]:
        """All labels, sorted."""
        return sorted(set(self.labels))

    def take(self, places: Sequence[int]) -> Dataset:
        """These rows alone, in this order."""
        return replace(
            self,
            pairs=self.pairs.take(places) if isinstance(self.pairs, Stored) else _take(self.pairs, places),
            labels=_take(self.labels, places),
            groups=_take(self.groups, places) if self.groups else None,
            times=_take(self.times, places) if self.times else None,
            heads={name: _take(values, places) for name, values in self.heads.items()},
            lines=_take(self.lines, places) if self.lines else [],
        )

    def in_memory(self, most: int) -> Dataset:
        """Itself where its messages are in memory; else at most `most` of its rows, evenly spread."""
        if not isinstance(self.pairs, Stored):
            return self
        some = self.take(range(0, len(self.labels), -(-len(self.labels) // most)))
        return replace(some, pairs=list(some.pairs))


def normalised(subject: str, body: str) -> str:
    """Text as compared for duplicates: letters and digits alone, case and spacing levelled."""
    text = unicodedata.normalize("NFKC", f"{subject} {body}").casefold()
    return _NOT_WORD.sub(" ", text).strip()


def size(subject: str, body: str) -> int:
    """What a message counts for: its characters, a subject's twice for it is looked at twice, and a bit."""
    return 2 * len(subject) + len(body) + _A_ROW


def read_dataset(
    path: str | Path, columns: Columns, encoding: str = "utf-8", in_memory: int | None = None
) -> Dataset:
    """All labelled rows of a data file, as they stand. Raises DataError.

    Where the messages are larger than `in_memory` (see `size`), they stay in the file.
    """
    path, stamp = Path(path), _stamp(Path(path))
    pairs: list[tuple[str, str]] = []
    cells: dict[str, list[str]] = {name: [] for name in columns.besides()}
    lines: list[int] = []
    found = unlabelled = 0
    for row in read_rows(path, columns.used(), encoding):
        if not row.cells[columns.label].strip():
            unlabelled += 1
            continue
        lines.append(row.line)
        for column, values in cells.items():
            values.append(sys.intern(row.cells[column]))
        own = pair(columns, row.cells)
        found += size(*own)
        if in_memory is None or found <= in_memory:
            pairs.append(own)
        else:
            pairs.clear()
    everything = partial(_messages, path, columns, encoding, stamp)
    return Dataset(
        pairs=pairs if len(pairs) == len(lines) else Stored(everything, np.arange(len(lines))),
        labels=_stripped(cells[columns.label]),
        groups=cells[columns.group] if columns.group else None,
        two_fields=columns.two_fields,
        dropped={"unlabelled": unlabelled},
        times=_stripped(cells[columns.time]) if columns.time else None,
        heads={name: _stripped(cells[column]) for name, column in columns.heads.items()},
        lines=lines,
    )


def _stripped(values: Sequence[str]) -> list[str]:
    return [sys.intern(value.strip()) for value in values]


def _messages(path: Path, columns: Columns, encoding: str, stamp: object) -> Iterator[tuple[str, str]]:
    """The messages of all labelled rows. Raises DataError, also when the file is not the one it was."""
    if _stamp(path) != stamp:
        raise DataError(f"{path}: was changed while it was read; train again")
    for row in read_rows(path, columns.used(), encoding):
        if row.cells[columns.label].strip():
            yield pair(columns, row.cells)


def _stamp(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:
        return None  # reading it says what is wrong
    return state.st_ino, state.st_size, state.st_mtime_ns


def read_texts(path: str | Path, columns: Columns, encoding: str = "utf-8") -> list[tuple[str, str]]:
    """Subject and body of every row that has text, each once; labels do not matter. Raises DataError."""
    found: dict[str, tuple[str, str]] = {}
    for row in read_rows(path, columns.texts(), encoding):
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
