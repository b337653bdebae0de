"""SqlJournal: the Journal port, one short transaction for each method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from smartticket_daemon.domain import Cursor, Key, Receipt
from smartticket_daemon.journal import feedback, intake, views, work
from smartticket_daemon.journal.rows import record_from
from smartticket_daemon.journal.schema import source as sources
from smartticket_daemon.journal.store import Store
from smartticket_daemon.ports import (
    Backfill,
    Entry,
    Feedback,
    Health,
    Journal,
    Judged,
    Known,
    Quarantined,
    Record,
    Week,
    Work,
)


class SqlJournal(Journal):
    """The journal in a relational store. Any number of threads may share one object.

    What a method returned from is durable. Text of settled work is overwritten with zeros in the store
    at once, and is gone from its log at the latest when `claim` finds nothing more to do, or on `close`.
    A file system or a disk that copies on write may keep old blocks; only an encrypted disk helps there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cursor(self, source: str) -> Cursor | None:
        """See `Journal.cursor`."""
        with self._store.reading() as connection:
            text = connection.scalar(select(sources.c.cursor).where(sources.c.name == source))
        return None if text is None else Cursor(text)

    def known(self, source: str, tickets: Iterable[str]) -> list[Known]:
        """See `Journal.known`; oldest is what was recorded first."""
        with self._store.reading() as connection:
            return intake.known(connection, source, tickets)

    def threads(self, source: str, fingerprints: Iterable[str]) -> set[str]:
        """See `Journal.threads`."""
        with self._store.reading() as connection:
            return intake.threads(connection, source, fingerprints)

    def record(
        self,
        source: str,
        entries: Sequence[Entry],
        cursor: Cursor,
        moved: Mapping[Key, str],
        now: datetime,
    ) -> int:
        """See `Journal.record`. Of two entries with one key the first counts."""
        with self._store.writing() as connection:
            return intake.record(connection, source, entries, cursor, moved, now)

    def backfill(self, source: str) -> Backfill:
        """See `Journal.backfill`."""
        with self._store.reading() as connection:
            return intake.backfill_of(connection, source)

    def record_past(
        self,
        source: str,
        entries: Sequence[Entry],
        reached: Backfill,
        moved: Mapping[Key, str],
        now: datetime,
    ) -> int:
        """See `Journal.record_past`. Of two entries with one key the first counts."""
        with self._store.writing() as connection:
            return intake.record_past(connection, source, entries, reached, moved, now)

    def first_poll_done(self, source: str, now: datetime) -> None:
        """See `Journal.first_poll_done`."""
        with self._store.writing() as connection:
            intake.set_source(connection, source, first_poll_done=now)

    def claim(self, source: str, now: datetime, lease: float, limit: int) -> list[Work]:
        """See `Journal.claim`. `Work.attempts` counts this attempt."""
        with self._store.writing() as connection:
            claimed = work.claim(connection, source, now, timedelta(seconds=lease), limit)
        if not claimed:
            self._store.erase()
        return claimed

    def complete(self, receipts: Mapping[Key, Receipt], now: datetime) -> None:
        """See `Journal.complete`. Settled work stays as it is; an unknown key raises JournalError."""
        with self._store.writing(erases=True) as connection:
            work.complete(connection, receipts, now)

    def skip(self, key: Key, reason: str, now: datetime) -> None:
        """See `Journal.skip`. Settled work stays as it is; an unknown key raises JournalError."""
        with self._store.writing(erases=True) as connection:
            work.skip(connection, key, reason, now)

    def release(
        self, key: Key, not_before: datetime, error: str, now: datetime, *, counted: bool = True
    ) -> None:
        """See `Journal.release`. Settled work stays as it is; an unknown key raises JournalError."""
        with self._store.writing() as connection:
            work.release(connection, key, not_before, error, now, counted=counted)

    def unclaim(self, key: Key, now: datetime) -> None:
        """See `Journal.unclaim`. Work that nobody holds stays as it is; an unknown key: JournalError."""
        with self._store.writing() as connection:
            work.unclaim(connection, key, now)

    def quarantine(self, key: Key, reason: str, now: datetime) -> None:
        """See `Journal.quarantine`. Settled work stays as it is; an unknown key raises JournalError."""
        with self._store.writing() as connection:
            work.quarantine(connection, key, reason, now)

    def quarantined(self, source: str | None = None) -> list[Quarantined]:
        """See `Journal.quarantined`."""
        with self._store.reading() as connection:
            return views.quarantined(connection, source)

    def replay(self, key: Key, now: datetime, entry: Entry | None = None) -> bool:
        """See `Journal.replay`. False also where no plan was ever made and `entry` brings none."""
        with self._store.writing(erases=entry is not None) as connection:
            return work.replay(connection, key, now, entry)

    def drop(self, key: Key, now: datetime) -> bool:
        """See `Journal.drop`."""
        with self._store.writing(erases=True) as connection:
            return work.drop(connection, key, now)

    def find(self, text: str) -> list[Record]:
        """See `Journal.find`."""
        with self._store.reading() as connection:
            return views.find(connection, text)

    def records(self, source: str, tickets: Iterable[str]) -> list[Record]:
        """See `Journal.records`."""
        with self._store.reading() as connection:
            return [record_from(row) for row in intake.of_tickets(connection, source, tickets)]

    def delivered(
        self, source: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Record]:
        """See `Journal.delivered`."""
        with self._store.reading() as connection:
            return views.delivered(connection, source, since, until)

    def undone(self, key: Key, now: datetime) -> bool:
        """See `Journal.undone`."""
        with self._store.writing() as connection:
            return work.undone(connection, key, now)

    def to_look(
        self, source: str, since: datetime, until: datetime, now: datetime, limit: int
    ) -> list[Judged]:
        """See `Journal.to_look`."""
        with self._store.reading() as connection:
            return feedback.to_look(connection, source, since, until, now, limit)

    def set_feedback(self, found: Mapping[Key, Feedback]) -> None:
        """See `Journal.set_feedback`. An unknown key raises JournalError, and nothing is stored."""
        with self._store.writing() as connection:
            feedback.set_feedback(connection, found)

    def feedback(self, source: str | None = None) -> list[Judged]:
        """See `Journal.feedback`."""
        with self._store.reading() as connection:
            return feedback.decided(connection, source)

    def weeks(self, since: datetime) -> list[Week]:
        """See `Journal.weeks`."""
        with self._store.reading() as connection:
            return feedback.weeks(connection, since)

    def ledger(self) -> dict[str, dict[str, int]]:
        """See `Journal.ledger`."""
        with self._store.reading() as connection:
            return views.ledger(connection)

    def reasons(self) -> dict[str, dict[str, int]]:
        """See `Journal.reasons`."""
        with self._store.reading() as connection:
            return views.reasons(connection)

    def health(self, source: str) -> Health:
        """See `Journal.health`."""
        with self._store.reading() as connection:
            return views.health(connection, source)

    def set_health(self, source: str, health: Health) -> None:
        """See `Journal.set_health`."""
        with self._store.writing() as connection:
            intake.set_source(connection, source, **views.health_values(health))

    def due(self, source: str, now: datetime) -> int:
        """See `Journal.due`. Work that is being sent is not counted."""
        with self._store.reading() as connection:
            return views.due(connection, source, now)

    def close(self) -> None:
        """See `Journal.close`."""
        self._store.close()
