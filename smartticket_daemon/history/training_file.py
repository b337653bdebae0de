"""A training file that grows by whole batches, and the note beside it of how far it came.

The note `FILE.state` is written aside and renamed after each batch, and names the file's size then. What
a killed process added after that is cut off before the next one goes on, so the file is the same as if
nobody had disturbed it. Both are for our own user alone: they hold customers' words, or belong to them.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smartticket_daemon.errors import ConfigurationError, DataError, StateHeld


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a file came. `wanted` is what was asked for, `left_out` counts tickets by reason."""

    wanted: Mapping[str, Any]
    cursor: str | None = None
    size: int = 0
    written: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    finished: bool = False

    @property
    def read(self) -> int:
        """Tickets that were looked at."""
        return self.written + sum(self.left_out.values())


class TrainingFile:
    """Raises ConfigurationError for what the disk refuses, DataError for a file that is not this one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.state")
        self._anew = f"remove {path.name} and {self._note.name}, then begin anew"
        self._handle = -1

    @contextmanager
    def opened(self, wanted: Mapping[str, Any]) -> Iterator[Reached]:
        """The file as its note says, made where there is none. Raises StateHeld when another is at it."""
        with self._translated():
            reached = self._reached(wanted)
            new = os.O_CREAT | os.O_EXCL if reached.size == 0 and not self.path.exists() else 0
            self._handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | new, 0o600)
        try:
            with self._translated():
                self._take_hold(reached)
            yield reached
        finally:
            os.close(self._handle)

    def _reached(self, wanted: Mapping[str, Any]) -> Reached:
        try:
            reached = Reached(**json.loads(self._note.read_bytes()))
        except FileNotFoundError:
            if self.path.exists():
                raise DataError(
                    f"{self.path} is there already, and was not begun by this command; name another"
                ) from None
            reached = Reached(wanted)
            self.note(reached)
        except (ValueError, TypeError):
            raise DataError(f"{self._note} is damaged; {self._anew}") from None
        if reached.wanted != wanted:
            told = ", ".join(f"{name} {value}" for name, value in reached.wanted.items() if value)
            raise ConfigurationError(f"{self.path} was begun with {told}; go on so, or name another file")
        return reached

    def _take_hold(self, reached: Reached) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateHeld(f"another process writes {self.path}; wait until it is done") from None
        if os.fstat(self._handle).st_size < reached.size:
            raise DataError(f"{self.path} is shorter than it was; {self._anew}")
        if not reached.finished:
            os.ftruncate(self._handle, reached.size)
        os.lseek(self._handle, 0, os.SEEK_END)

    def add(self, rows: Sequence[Mapping[str, str | None]]) -> int:
        """Append rows, on the disk when it returns; the file's size then."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        data = lines.encode("utf-8", "replace")
        if data and self.path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        with self._translated():
            while data:
                data = data[os.write(self._handle, data) :]
            os.fsync(self._handle)
            return os.fstat(self._handle).st_size

    def note(self, reached: Reached) -> None:
        """Write down how far it came."""
        aside = self._note.with_name(f"{self._note.name}.new")
        with self._translated():
            with suppress(FileNotFoundError):
                aside.unlink()
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(asdict(reached)).encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
            aside.rename(self._note)

    def names(self) -> set[str]:
        """The `id` of every row."""
        data = self.path.read_bytes()
        try:
            lines = (gzip.decompress(data) if self.path.suffix == ".gz" else data).splitlines()
            return {json.loads(line)["id"] for line in lines}
        except (ValueError, KeyError, TypeError, EOFError, OSError):
            raise DataError(f"{self.path} was changed; {self._anew}") from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"cannot write {self.path}: {error.strerror}") from None
