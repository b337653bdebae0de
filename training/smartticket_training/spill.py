"""Sparse rows on disk: what a large training keeps there while it runs. Numbers only, no text."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack

from smartticket_daemon.errors import ConfigurationError
from smartticket_training.linear import Numbers


@contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A hidden folder beside `beside`, for this user alone (0700); gone at the end, after an error too.

    Not in /tmp, which is memory on many machines. Raises ConfigurationError when the disk refuses.
    """
    parent = next(folder for folder in beside.absolute().parents if folder.is_dir())
    with _refusals(parent):
        folder = tempfile.TemporaryDirectory(prefix=f".{beside.name}.", dir=parent)
    with folder as path:
        yield Path(path)


class Pieces:
    """Rows of one or several sparse matrices in files: each piece is small enough for memory.

    Raises ConfigurationError when the disk refuses.
    """

    def __init__(self, folder: Path, widths: Sequence[int]) -> None:
        """An empty one in a new folder; `widths` are the matrices' numbers of columns."""
        with _refusals(folder):
            folder.mkdir()
        self._folder, self._widths = folder, widths
        self.count = 0

    def add(self, piece: int, rows: Numbers, matrices: Sequence[csr_matrix]) -> None:
        """Put rows, by their numbers, behind those that the piece has."""
        self.count = max(self.count, piece + 1)
        with _refusals(self._folder), (self._folder / str(piece)).open("ab") as file:
            np.save(file, rows)
            for matrix in matrices:
                for array in (matrix.indptr, matrix.indices, matrix.data):
                    np.save(file, array)

    def read(self, piece: int) -> tuple[Numbers, list[csr_matrix]]:
        """The numbers of its rows, and their matrices."""
        rows: list[Numbers] = []
        parts: list[list[csr_matrix]] = [[] for _ in self._widths]
        with _refusals(self._folder), (self._folder / str(piece)).open("rb") as file:
            while file.peek(1):
                rows.append(np.load(file))
                for width, own in zip(self._widths, parts, strict=True):
                    ends, indices, data = (np.load(file) for _ in range(3))
                    own.append(csr_matrix((data, indices, ends), shape=(len(rows[-1]), width)))
        return np.concatenate(rows), [vstack(own, format="csr") for own in parts]

    def remove(self) -> None:
        """Give the room back."""
        with _refusals(self._folder):
            shutil.rmtree(self._folder)

    def __iter__(self) -> Iterator[tuple[Numbers, list[csr_matrix]]]:
        return map(self.read, range(self.count))


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "a large training keeps about 8 kB a ticket there while it runs"
        why = error.strerror or "it takes no more"  # numpy does not say why it could not write all
        raise ConfigurationError(f"cannot use the disk at {folder}: {why}; {mend}") from None
