"""One mbox file: an index of its messages, and its replacement as a whole.

An mbox is never changed in place: a copy is written aside, under the locks that mail programs keep, and
renamed over it. Whatever happens on the way, the file is the old one or the new one.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from smartticket_connectors.folder import durable
from smartticket_connectors.folder.locks import dot_locked, lock_file
from smartticket_connectors.mail.headers import MAX_BLOCK, fingerprint
from smartticket_connectors.mail.parts import split
from smartticket_daemon.errors import ConfigurationError, TransientError

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1024 * 1024
_FROM = re.compile(rb"\nFrom ")
_OVERLAP = 7
"""One byte less than a `From ` line's beginning with the blank line before it may have."""
_LINE = 1_000
"""Bytes that a `From ` line may have."""


@dataclass(frozen=True, slots=True)
class Span:
    """One message in bytes of the file: where its `From ` line begins, its header begins, and it ends.

    `size` is that of the message alone, without the line ends that separate it from the next.
    """

    start: int
    header: int
    end: int
    size: int

    def shifted(self, by: int) -> Span:
        """The same so many bytes nearer to the beginning."""
        return Span(self.start - by, self.header - by, self.end - by, self.size)


class MboxFile:
    """The messages of one file in their order; a missing file is an empty one.

    A message's name is its fingerprint and a number, 1 for the first one with that fingerprint. Memory
    grows with the number of messages, not with their size.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index: dict[str, Span] = {}
        self._state: tuple[int, ...] | None = None
        self._held: BinaryIO | None = None

    def index(self) -> dict[str, Span]:
        """All messages by their names, in order; looked through again where the file changed."""
        try:
            with self._open() as file:
                if (state := _state(file)) != self._state:
                    self._refresh(file)
                    self._state = state
        except FileNotFoundError:
            self._index, self._state = {}, None
        return self._index

    def read(self, name: str, limit: int) -> tuple[bytes, bytes, int] | None:
        """Its `From ` line, up to `limit` bytes of it, and its size; None when there is no such message."""
        span = self.index().get(name)
        if span is None:
            return None
        with self._open() as file:
            line = os.pread(file.fileno(), span.header - span.start, span.start)
            return line, os.pread(file.fileno(), min(limit, span.size), span.header), span.size

    def pieces(self, name: str) -> Iterator[bytes]:
        """A message with its `From ` line, as it stands. The caller holds `locked`."""
        span = self.index()[name]
        with self._open() as file:
            yield from _pieces(file, span.start, span.end)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps others from changing the file, which is made where it is missing."""
        with dot_locked(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                lock_file(file, self._path, fcntl.LOCK_EX)
                self._held = file
                try:
                    yield
                finally:
                    self._held = None

    def replace(self, *, without: str = "", plus: Iterable[bytes] = ()) -> None:
        """The same file without one message, or with one more at its end. Once within each `locked`."""
        span = self.index().get(without, Span(0, 0, 0, 0))
        aside = self._path.with_name(f".{self._path.name}.new")
        with self._open() as old:
            before = _state(old)
            with durable.create(aside) as new:
                new.writelines(_pieces(old, 0, span.start))
                new.writelines(_pieces(old, span.end, before[_SIZE]))
                new.writelines(_separated(old, before[_SIZE], plus))
                _give_same_owner(old, new)
            if _state(old) != before:
                raise TransientError(f"{self._path} was changed by a program that takes no lock")
            durable.rename(aside, self._path)
        left = ((name, other) for name, other in self._index.items() if name != without)
        gone = span.end - span.start
        self._index = {name: s.shifted(gone) if s.start >= span.end else s for name, s in left}

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        """The file that is locked, or else the file for reading while nobody writes."""
        if self._held:
            yield self._held
            return
        with os.fdopen(os.open(self._path, _READ), "rb") as file:
            lock_file(file, self._path, fcntl.LOCK_SH)
            yield file

    def _refresh(self, file: BinaryIO) -> None:
        """From the last message on where it still stands in its place, else all over again."""
        known = dict(self._index)
        if known:
            name, last = known.popitem()
            later = dict(_scan(file, last.start, known))
            if next(iter(later), None) == name:
                self._index = known | later
                return
        self._index = dict(_scan(file, 0, {}))
        if not self._index and _state(file)[_SIZE]:
            raise ConfigurationError(f"{self._path} is not an mbox; correct path or format")


_SIZE = 0


def _state(file: BinaryIO) -> tuple[int, ...]:
    """Changes whenever the file does: its size first."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_ino, status.st_mtime_ns


def _scan(file: BinaryIO, begin: int, known: Mapping[str, Span]) -> Iterator[tuple[str, Span]]:
    """Every message from the one that begins at `begin`, named apart from those known and each other."""
    descriptor, names = file.fileno(), set(known)
    starts = itertools.chain(_starts(descriptor, begin), (_state(file)[_SIZE],))
    for start, end in itertools.pairwise(starts):
        line = os.pread(descriptor, min(_LINE, end - start), start).partition(b"\n")[0]
        header = min(start + len(line) + 1, end)
        span = Span(start, header, end, end - header - _line_ends(descriptor, header, end))
        head = os.pread(descriptor, min(span.size, MAX_BLOCK + 1), span.header)
        identity = fingerprint(split(head)[0], span.size)
        name = next(n for n in (f"{identity}.{i}" for i in itertools.count(1)) if n not in names)
        names.add(name)
        yield name, span


def _line_ends(descriptor: int, header: int, end: int) -> int:
    """How many bytes of line ends stand at the end, as far as they may be a separator."""
    tail = os.pread(descriptor, min(4, end - header), max(end - 4, header))
    return len(tail) - len(tail.rstrip(b"\r\n"))


def _starts(descriptor: int, begin: int) -> Iterator[int]:
    """Where messages begin: a line `From ...` at `begin` and after every blank line."""
    if os.pread(descriptor, 5, begin) != b"From ":
        return
    yield begin
    at, window, last = begin, b"", begin
    while chunk := os.pread(descriptor, _CHUNK, at):
        window += chunk
        at += len(chunk)
        for match in _FROM.finditer(window):
            start = at - len(window) + match.start() + 1
            before = window[max(match.start() - 2, 0) : match.start()]
            if start > last and before.endswith((b"\n", b"\n\r")):
                yield (last := start)
        window = window[-_OVERLAP:]


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    while start < end and (piece := os.pread(file.fileno(), min(_CHUNK, end - start), start)):
        yield piece
        start += len(piece)


def _separated(old: BinaryIO, size: int, plus: Iterable[bytes]) -> Iterator[bytes]:
    """`plus` with the blank line that must stand before it."""
    for number, piece in enumerate(plus):
        if number == 0 and size:
            end = os.pread(old.fileno(), 4, max(size - 4, 0)).replace(b"\r", b"")
            yield b"" if end.endswith(b"\n\n") else b"\n" if end.endswith(b"\n") else b"\n\n"
        yield piece


def _give_same_owner(old: BinaryIO, new: BinaryIO) -> None:
    status = os.fstat(old.fileno())
    os.fchmod(new.fileno(), status.st_mode & 0o7777)
    with suppress(PermissionError):
        os.fchown(new.fileno(), status.st_uid, status.st_gid)
