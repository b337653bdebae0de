"""An mbox file; its folders are mbox files beside it. Flags are the letters of its X-Status header."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from pathlib import Path

from smartticket_connectors.folder.box import RECORDS, Arrivals, Letter, Place, moment
from smartticket_connectors.folder.mark import Mark
from smartticket_connectors.folder.mbox_file import MboxFile
from smartticket_connectors.mail.draft import draft_id
from smartticket_connectors.mail.headers import Headers, fingerprint_of
from smartticket_connectors.mail.parts import split
from smartticket_daemon.domain import Cursor, Key
from smartticket_daemon.errors import Overtaken, RejectedError

_LAST = 10
"""Names that a mark holds: enough to see that nothing was taken out or put in before them."""
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_TO_ESCAPE = re.compile(rb"^(>*From )", re.MULTILINE)
_AS_IN_MAILDIR = str.maketrans("ADT", "RTD")
_ZONES = 14 * 3600
"""Seconds that the clock of a `From ` line, which names no time zone, may be behind."""


class MboxMark(Mark):
    """The first `count` messages are covered; `last` are the names of the last of them.

    New mail is put at the end, so where these names stand at their numbers still, all before them does.
    Otherwise messages were taken out, and everything is gone through again: the journal knows what it
    knows. `begun` (s) is set where a source starts with "now": older messages are not its business.
    """

    count: int = 0
    last: tuple[str, ...] = ()
    begun: int = 0

    def at(self, names: list[str], count: int) -> MboxMark:
        """The mark that covers the first `count` of these messages."""
        return self.model_copy(update={"count": count, "last": tuple(names[max(count - _LAST, 0) : count])})

    def covered(self, names: list[str]) -> int:
        """How many of these messages are covered."""
        return self.count if self.at(names, self.count) == self else 0


class MboxPast(Mark):
    """Of the past, the first `left` messages are not covered yet; `next` are the newest of these.

    What is covered is moved away by ourselves, so only what is left can say where it ends. Where all of
    `next` is gone, some messages are gone through again: the journal knows what it knows.
    """

    left: int
    next: tuple[str, ...]

    @classmethod
    def of(cls, where: str, names: list[str], left: int) -> MboxPast:
        """The mark that leaves the first `left` of these messages."""
        return cls(where=where, left=left, next=tuple(names[max(left - _LAST, 0) : left]))

    def end(self, names: list[str]) -> int:
        """How many of the messages that are there now are not covered."""
        wanted = set(self.next)
        found = (number for number in range(len(names), 0, -1) if names[number - 1] in wanted)
        return next(found, min(self.left, len(names)))


class Mbox:
    """See the module, and `Box` for what the methods mean."""

    def __init__(self, path: Path, batch: int) -> None:
        self.records = path.with_name(f"{path.name}.{RECORDS}")
        self._path = path
        self._batch = batch
        self._files: dict[str, MboxFile] = {}

    def arrivals(self, cursor: Cursor | None, *, only_new: bool) -> Iterator[Arrivals]:
        """See `Box.arrivals`."""
        where = f"mbox {self._path}"
        names = list(self._file("").index())
        if cursor is None and only_new:
            mark = MboxMark(where=where, begun=int(time.time()) - _ZONES).at(names, len(names))
            yield Arrivals((), mark.cursor())
            return
        mark = MboxMark(where=where) if cursor is None else MboxMark.parse(cursor, where)
        covered = mark.covered(names)
        for start in range(covered, len(names), self._batch):
            end = min(start + self._batch, len(names))
            places = [Place("", name) for name in names[start:end]]
            if covered < mark.count:
                places = [place for place in places if self._is_younger(place, mark.begun)]
            yield Arrivals(places, mark.at(names, end).cursor())

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Arrivals]:
        """See `Box.past`: from the end of the file to its beginning."""
        where = f"past of mbox {self._path}"
        names = list(self._file("").index())
        left = len(names) if cursor is None else MboxPast.parse(cursor, where).end(names)
        while left > 0:
            start = max(left - self._batch, 0)
            places = [Place("", name) for name in reversed(names[start:left])]
            if since is not None:
                places = [place for place in places if self._is_younger(place, int(since.timestamp()))]
            left = start
            yield Arrivals(places, MboxPast.of(where, names, left).cursor())

    def places(self) -> list[Place]:
        """See `Box.places`."""
        return [Place("", name) for name in self._file("").index()]

    def _is_younger(self, place: Place, begun: int) -> bool:
        letter = self.read(place, 0)
        return letter is not None and letter.received.timestamp() >= begun

    def read(self, place: Place, limit: int) -> Letter | None:
        """See `Box.read`. A quoted `>From ` at the beginning of a line gets its quote off."""
        found = self._file(place.folder).read(place.name, limit)
        if found is None:
            return None
        line, raw, size = found
        flags = Headers(split(raw)[0]).get("x-status").translate(_AS_IN_MAILDIR)
        return Letter(_ESCAPED.sub(rb"\1", raw), size, self._received(line), flags)

    def _received(self, line: bytes) -> datetime:
        """The time in a `From ` line; without one the time of the file."""
        date = parsedate_tz(line.decode("ascii", "replace").partition(" ")[2].partition(" ")[2])
        try:
            return moment(mktime_tz(date)) if date else moment(self._path.stat().st_mtime)
        except (ValueError, OverflowError):
            return moment(0)

    def target(self, place: Place, folder: str) -> Place:
        """See `Box.target`. A copy that an interrupted move left there is taken for it."""
        here, there = self._file(place.folder), self._file(folder)
        if place.name not in here.index():
            raise Overtaken("deleted")
        identity = place.name.rpartition(".")[0]
        names = (f"{identity}.{n}" for n in itertools.count(1))
        return Place(
            folder, next(n for n in names if n not in there.index() or _same(here, place.name, there, n))
        )

    def move(self, place: Place, target: Place) -> None:
        """See `Box.move`: first it stands at both places, then at the new one."""
        here, there = self._file(place.folder), self._file(target.folder)
        with here.locked():
            if place.name not in here.index():
                raise Overtaken("deleted")
            with there.locked():
                if target.name not in there.index():
                    there.replace(plus=here.pieces(place.name))
            here.replace(without=place.name)

    def draft_place(self, key: Key, folder: str) -> Place:
        """See `Box.draft_place`."""
        return Place(folder, f"{fingerprint_of(draft_id(key)[1:-1].encode())}.1")

    def write_draft(self, place: Place, raw: bytes) -> None:
        """See `Box.write_draft`."""
        file = self._file(place.folder)
        line = f"From smartticket {time.asctime(time.gmtime())}\nX-Status: T\n".encode("ascii")
        text = _TO_ESCAPE.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
        with file.locked():
            if place.name not in file.index():
                file.replace(plus=(line, text, b"\n"))

    def remove(self, place: Place) -> None:
        """See `Box.remove`."""
        file = self._file(place.folder)
        with file.locked():
            if place.name in file.index():
                file.replace(without=place.name)

    def has_folder(self, folder: str) -> bool:
        """A mailbox without mail may be without a file."""
        return self._file_path(folder).is_file() if folder else self._path.parent.is_dir()

    def make_folder(self, folder: str) -> None:
        """See `Box.make_folder`."""
        self._file_path(folder).touch(mode=0o600)

    def writable(self) -> bool:
        """Files are replaced and locked in their directory, so that is what counts."""
        return os.access(self._path.parent, os.R_OK | os.W_OK | os.X_OK)

    def _file(self, folder: str) -> MboxFile:
        return self._files.setdefault(folder, MboxFile(self._file_path(folder)))

    def _file_path(self, folder: str) -> Path:
        if folder == self._path.name:
            raise RejectedError(f"{folder!r} is the mailbox itself; correct route or drafts in the settings")
        return self._path.with_name(folder) if folder else self._path


def _same(here: MboxFile, name: str, there: MboxFile, other: str) -> bool:
    pairs = itertools.zip_longest(here.pieces(name), there.pieces(other))
    return all(piece == copy for piece, copy in pairs)
