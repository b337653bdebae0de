"""A directory with one file per message: what Maildir and .eml directories have in common."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from smartticket_connectors.folder import durable
from smartticket_connectors.folder.box import RECORDS, Arrivals, Letter, Place, exists, moment
from smartticket_connectors.folder.mark import DirectoryMark, DirectoryPast, Entry
from smartticket_daemon.domain import Cursor, Key
from smartticket_daemon.errors import Overtaken, RejectedError

_TROUBLE_OF_ONE_FILE = frozenset((errno.EACCES, errno.EPERM, errno.EIO, errno.ELOOP, errno.ENXIO))
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Files(ABC):
    """A Box over one file per message. A format says how its directories and file names look."""

    def __init__(self, root: Path, batch: int) -> None:
        self.root = root
        self.records = root / RECORDS
        self._batch = batch

    @abstractmethod
    def directories(self, folder: str) -> tuple[Path, ...]:
        """Where the files of a folder lie, in the order in which a file passes through them."""

    @abstractmethod
    def name_of(self, file_name: str) -> str | None:
        """The name of the message in this file; None for a file that is no message."""

    @abstractmethod
    def locate(self, place: Place) -> Path | None:
        """The file of a message; None when there is none."""

    @abstractmethod
    def flags(self, path: Path) -> str:
        """The flags that this file's name carries."""

    @abstractmethod
    def file_at(self, target: Place, source: Path) -> Path:
        """The path that the file `source` gets at `target`."""

    @abstractmethod
    def draft_files(self, place: Place) -> tuple[Path, Path]:
        """The path of a new draft, and one to write it to first."""

    @abstractmethod
    def draft_place(self, key: Key, folder: str) -> Place:
        """See `Box.draft_place`."""

    @abstractmethod
    def make_folder(self, folder: str) -> None:
        """See `Box.make_folder`."""

    def arrivals(self, cursor: Cursor | None, *, only_new: bool) -> Iterator[Arrivals]:
        """See `Box.arrivals`."""
        where = f"{type(self).__name__} {self.root}"
        mark = DirectoryMark(where=where) if cursor is None else DirectoryMark.parse(cursor, where)
        now = time.time_ns()
        entries = self._entries()
        newest = max((*(e.changed for e in entries), *self._directory_times()))
        if cursor is None and only_new:
            yield Arrivals((), DirectoryMark.beginning(where, entries, newest, now).cursor())
            return
        for chunk, reached in mark.advance(entries, newest, now, self._batch):
            yield Arrivals([Place.parse(e.position) for e in chunk], reached.cursor())

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Arrivals]:
        """See `Box.past`."""
        where = f"past of {type(self).__name__} {self.root}"
        before = None if cursor is None else DirectoryPast.parse(cursor, where).before
        oldest = 0 if since is None else int((since.timestamp() - 1) * 1_000_000_000)
        left = [e for e in self._entries() if e.date >= oldest and (before is None or e.order < before)]
        left.sort(key=lambda entry: entry.order, reverse=True)
        for start in range(0, len(left), self._batch):
            chunk = left[start : start + self._batch]
            reached = DirectoryPast(where=where, before=chunk[-1].order)
            yield Arrivals([Place.parse(e.position) for e in chunk], reached.cursor())

    def places(self) -> list[Place]:
        """See `Box.places`."""
        return [Place.parse(entry.position) for entry in self._entries()]

    def _entries(self) -> list[Entry]:
        """All messages. A file that is moved on during the listing is met twice and counts once."""
        found: dict[str, Entry] = {}
        for directory in self.directories(""):
            with os.scandir(directory) as listing:
                for item in listing:
                    if entry := self._entry(item):
                        found[entry.position] = entry
        return list(found.values())

    def _entry(self, item: os.DirEntry[str]) -> Entry | None:
        name = self.name_of(item.name)
        if name is None or not item.is_file(follow_symlinks=False):
            return None
        try:
            status = item.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        return Entry(status.st_ctime_ns, status.st_mtime_ns, str(Place("", name)))

    def _directory_times(self) -> Iterator[int]:
        for directory in self.directories(""):
            yield directory.stat().st_mtime_ns

    def read(self, place: Place, limit: int) -> Letter | None:
        """See `Box.read`. Links, pipes and devices are not followed or waited for."""
        path = self.locate(place)
        if path is None:
            return None
        try:
            descriptor = os.open(path, _READ)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return None
                return Letter(file.read(limit), status.st_size, moment(status.st_mtime), self.flags(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _TROUBLE_OF_ONE_FILE:
                raise RejectedError("the file cannot be read") from None
            raise

    def target(self, place: Place, folder: str) -> Place:
        """See `Box.target`."""
        source = self._source(place)
        names = itertools.chain((place.name,), (f"{n}-{place.name}" for n in itertools.count(1)))
        places = (Place(folder, name) for name in names)
        return next(place for place in places if not exists(self.file_at(place, source)))

    def _source(self, place: Place) -> Path:
        path = self.locate(place)
        if path is None:
            raise Overtaken("deleted")
        return path

    def move(self, place: Place, target: Place) -> None:
        """See `Box.move`."""
        source = self._source(place)
        durable.rename(source, self.file_at(target, source))

    def write_draft(self, place: Place, raw: bytes) -> None:
        """See `Box.write_draft`."""
        path, aside = self.draft_files(place)
        if not exists(path):
            durable.write(path, raw, aside)

    def remove(self, place: Place) -> None:
        """See `Box.remove`."""
        if path := self.locate(place):
            path.unlink(missing_ok=True)
            durable.sync_directory(path.parent)

    def has_folder(self, folder: str) -> bool:
        """See `Box.has_folder`."""
        return all(directory.is_dir() for directory in self.directories(folder))

    def writable(self) -> bool:
        """See `Box.writable`."""
        return all(os.access(d, os.R_OK | os.W_OK | os.X_OK) for d in (self.root, *self.directories("")))
