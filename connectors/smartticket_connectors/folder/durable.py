"""Writing that survives a crash: aside, to the disk, and then into place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def create(path: Path) -> Iterator[BinaryIO]:
    """A new file (what an earlier crash left of it is overwritten) that is on the disk at the end."""
    with os.fdopen(os.open(path, _NEW, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, data: bytes, aside: Path) -> None:
    """`path` holds `data` in full, or is as it was before; `aside` is used on the way."""
    with create(aside) as file:
        file.write(data)
    rename(aside, path)


def rename(source: Path, target: Path) -> None:
    """Rename, and see both directories to the disk."""
    os.rename(source, target)  # noqa: PTH104 - says what it does to an existing target: replace it
    for directory in {source.parent, target.parent}:
        sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """See a directory's entries to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
