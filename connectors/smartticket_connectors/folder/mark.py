"""How far a directory was read. Files come in any order and with any date, so one number cannot say it.

What decides is the time of a file's last change of state (`st_ctime`): delivery, a rename and a move set it
to that moment, and no program can set it back as rsync, cp -p and mv do with the file's own date. All files
changed before `settled` are covered. Of the later ones, those in `seen` are that have not changed since: two
files of one clock tick, and a listing that runs while mail is delivered, need more than a number. `settled`
therefore stays MARGIN behind the clock, and never passes the newest change seen, whose time is that of the
file server.

While one poll is under way in the order of the files' dates, `until` and `after` say how far it came: all
files changed before `until` and not sorting behind `after` are covered too.

A cursor may lag: a message that comes twice is recognised by the journal at its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

MARGIN = 10_000_000_000
"""Nanoseconds. Longer than a listing takes and than a clock is usually set back by."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: when it last changed, its own date (both ns since 1970), and its position."""

    changed: int
    date: int
    position: str

    @property
    def order(self) -> tuple[int, str]:
        """Oldest first, then by name."""
        return self.date, self.position


class Mark(BaseModel):
    """A cursor as a value; `where` says of which place it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: str

    @classmethod
    def parse(cls, cursor: Cursor, where: str) -> Self:
        """The mark in `cursor`; raises CursorExpired when it is not one of `where`."""
        try:
            mark = cls.model_validate_json(cursor)
        except ValidationError:
            raise CursorExpired(f"the stored position in {where} cannot be read") from None
        if mark.where != where:
            raise CursorExpired(f"the stored position is of another place than {where}")
        return mark

    def cursor(self) -> Cursor:
        """The mark as a cursor."""
        return Cursor(self.model_dump_json(exclude_defaults=True))


class DirectoryPast(Mark):
    """Of the past, all files are covered that do not sort before `before`, by their own date and name."""

    before: tuple[int, str]


class DirectoryMark(Mark):
    """See the module. `begun` is set where a source starts with "now": older files are not its business."""

    settled: int = 0
    seen: dict[str, int] = {}
    until: int = 0
    after: tuple[int, str] = (0, "")
    begun: int = 0

    @classmethod
    def beginning(cls, where: str, entries: Iterable[Entry], newest: int, now: int) -> DirectoryMark:
        """The mark that covers all that is there, and with it whatever is not younger."""
        settled = min(now - MARGIN, newest)
        seen = {e.position: e.changed for e in entries if e.changed >= settled}
        return cls(where=where, settled=settled, seen=seen, begun=settled)

    def covers(self, entry: Entry, now: int) -> bool:
        """Whether this file was yielded already, or never will be. A mark in the future does not count."""
        if entry.date < self.begun or entry.changed < min(self.settled, now - MARGIN):
            return True
        if self.seen.get(entry.position) == entry.changed:
            return True
        return entry.changed < self.until and entry.order <= self.after

    def advance(
        self, entries: Iterable[Entry], newest: int, now: int, size: int
    ) -> Iterator[tuple[list[Entry], DirectoryMark]]:
        """The entries not covered yet in batches of `size`, oldest first, each with the mark that covers it.

        `newest` is the latest time that the file system shows, `now` that of the clock before the listing.
        """
        settled = min(now - MARGIN, newest)
        seen: dict[str, int] = {}
        fresh: list[Entry] = []
        for entry in entries:
            if not self.covers(entry, now):
                fresh.append(entry)
            elif entry.changed >= settled:
                seen[entry.position] = entry.changed
        fresh.sort(key=lambda entry: entry.order)
        for start in range(0, len(fresh), size):
            chunk = fresh[start : start + size]
            seen |= {entry.position: entry.changed for entry in chunk if entry.changed >= settled}
            if start + size < len(fresh):
                so_far = {"seen": self.seen | seen, "until": settled, "after": chunk[-1].order}
            else:
                so_far = {"seen": seen, "settled": settled, "until": 0, "after": (0, "")}
            yield chunk, self.model_copy(update=so_far)
