"""The only seams of the daemon: Connector, Classifier and Journal.

Glossary: a *source* is one configured account, a *connector* the class that speaks to one kind of
service, a *cursor* the connector's own opaque position. Errors are those of `smartticket_daemon.errors`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from smartticket_daemon.capabilities import AppliesMany, Remembers, ReportsState, Undoes, Wakes
from smartticket_daemon.domain import (
    Batch,
    Capability,
    Cursor,
    Diagnosis,
    Key,
    Message,
    MessageRef,
    Prediction,
    Receipt,
    Triage,
)
from smartticket_daemon.records import (
    LEDGER_WORDS,
    Backfill,
    Entry,
    Feedback,
    Health,
    Judged,
    Known,
    Quarantined,
    Record,
    Week,
    Work,
)
from smartticket_daemon.source_settings import SourceSettings

__all__ = [
    "LEDGER_WORDS",
    "AppliesMany",
    "Backfill",
    "Classifier",
    "Connector",
    "Entry",
    "Feedback",
    "Health",
    "Journal",
    "Judged",
    "Known",
    "Quarantined",
    "Record",
    "Remembers",
    "ReportsState",
    "Undoes",
    "Wakes",
    "Week",
    "Work",
]


class Connector(Protocol):
    """Speaks to one account. Construction (`Connector(name, settings)`) does no I/O.

    One object is used by one thread at a time, except `wait`, which has a connection of its own.
    Any verb may raise AccessDenied, ConfigurationError, Unreachable, RateLimited or TransientError.
    """

    kind: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    Settings: ClassVar[type[SourceSettings]]

    def __init__(self, name: str, settings: Any) -> None: ...

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """Look at credentials, permissions, abilities and the places that `routes` names.

        Reports all findings, changes nothing and does not raise for what it can report.
        """
        ...

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came after `cursor`, oldest first, marking nothing as read.

        `None` means: begin where the settings' `start` says; with "now" the first batch is empty and
        carries the cursor of this moment. A poll with nothing new yields nothing or one empty batch.
        Raises CursorExpired when the position means nothing any more.
        """
        ...

    def read(self, ref: MessageRef) -> Message:
        """Read one message again (to explain it, or to replay it from quarantine).

        Raises Overtaken("deleted") when it is gone, RejectedError when it cannot be read.
        """
        ...

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Carry out the change in as few remote calls as the service allows, the note marked with `key`.

        Looks at what people did since: raises Overtaken(reason) when the ticket is closed, deleted,
        answered, or carries a person's own decision. Never writes anything a customer can see.
        Raises RejectedError when the remote will never accept the change.
        """
        ...

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What already stands at the remote of an earlier `apply` with this key; None when nothing does.

        Reads our own note (or draft) by its key, not a search index.
        """
        ...

    def close(self) -> None:
        """Let go of connections; the object may be used again afterwards."""
        ...


class Classifier(Protocol):
    """The embedded model."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Every label the model can give."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 that names the artifact."""
        ...

    def predict_many(self, pairs: Sequence[tuple[str, str]]) -> list[Prediction]:
        """One prediction for each (subject, body), in order."""
        ...

    def explain(self, subject: str, body: str, label: str | None = None) -> Sequence[tuple[str, float]]:
        """The exact contributions of the text's own terms to `label` (None: the best), largest first."""
        ...


class Journal(Protocol):
    """The durable record of cursors, work, decisions and receipts. Every method is one transaction.

    All raise JournalError when the store cannot be read or written. `now` is always passed in, aware.
    """

    def cursor(self, source: str) -> Cursor | None:
        """The last cursor recorded for `source`."""
        ...

    def known(self, source: str, tickets: Iterable[str]) -> list[Known]:
        """All remembered messages of these tickets, duplicates included, oldest first."""
        ...

    def threads(self, source: str, fingerprints: Iterable[str]) -> set[str]:
        """Which of these are messages of this source that we have seen, or notes that we wrote."""
        ...

    def record(
        self,
        source: str,
        entries: Sequence[Entry],
        cursor: Cursor,
        moved: Mapping[Key, str],
        now: datetime,
    ) -> int:
        """Store new messages with their plans, new positions of known ones, and the cursor, in one commit.

        Entries whose key is known are left as they are. Returns how many were new.
        """
        ...

    def backfill(self, source: str) -> Backfill:
        """How far the past of `source` was triaged."""
        ...

    def record_past(
        self,
        source: str,
        entries: Sequence[Entry],
        reached: Backfill,
        moved: Mapping[Key, str],
        now: datetime,
    ) -> int:
        """Like `record`, for messages of the past: the cursor of the polls stays where it is.

        An earlier journal may have known them, so every one is looked up before its first attempt.
        """
        ...

    def first_poll_done(self, source: str, now: datetime) -> None:
        """Messages recorded from now on arrived after this journal's first poll."""
        ...

    def claim(self, source: str, now: datetime, lease: float, limit: int) -> list[Work]:
        """Take up due work: commits `sending` and attempts+1. `lease` (s) frees what a dead process held."""
        ...

    def complete(self, receipts: Mapping[Key, Receipt], now: datetime) -> None:
        """Store each receipt and the final state of its decision, and erase the texts, in one commit."""
        ...

    def skip(self, key: Key, reason: str, now: datetime) -> None:
        """The remote overtook us: final state `skipped`, text erased."""
        ...

    def release(
        self, key: Key, not_before: datetime, error: str, now: datetime, *, counted: bool = True
    ) -> None:
        """Give work back, due at `not_before`; if that is days ahead the clock was set back: due now.

        `counted=False`: the whole source was in trouble, so the attempt does not count against the
        message; it is looked up before the next one all the same.
        """
        ...

    def unclaim(self, key: Key, now: datetime) -> None:
        """Give back work that was claimed and not begun; the attempt does not count."""
        ...

    def quarantine(self, key: Key, reason: str, now: datetime) -> None:
        """Failed for good; the plan is kept so that it can be replayed."""
        ...

    def quarantined(self, source: str | None = None) -> list[Quarantined]:
        """The quarantine, oldest first."""
        ...

    def replay(self, key: Key, now: datetime, entry: Entry | None = None) -> bool:
        """Put quarantined work back in line (with a new plan where `entry` gives one). False: not there."""
        ...

    def drop(self, key: Key, now: datetime) -> bool:
        """Give quarantined work up: `skipped`, reason `dropped`. False: not there."""
        ...

    def find(self, text: str) -> list[Record]:
        """Records whose key begins with `text` or whose ticket or message is `text`."""
        ...

    def records(self, source: str, tickets: Iterable[str]) -> list[Record]:
        """Everything of these tickets, duplicates included, oldest first."""
        ...

    def delivered(
        self, source: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Record]:
        """What was changed at the remote and stands (receipts), oldest first, settled in [since, until)."""
        ...

    def undone(self, key: Key, now: datetime) -> bool:
        """Its remote change was taken back: `skipped`, reason `undone`. False: there was none."""
        ...

    def to_look(
        self, source: str, since: datetime, until: datetime, now: datetime, limit: int
    ) -> list[Judged]:
        """Decisions settled in [since, until) at which it is time to look (again), those never seen first."""
        ...

    def set_feedback(self, found: Mapping[Key, Feedback]) -> None:
        """What people made of these decisions, in place of what was known of them, in one commit."""
        ...

    def feedback(self, source: str | None = None) -> list[Judged]:
        """Every standing decision that people have decided about, in the order they were settled."""
        ...

    def weeks(self, since: datetime) -> list[Week]:
        """What became of the decisions settled since, by ISO week and category."""
        ...

    def ledger(self) -> dict[str, dict[str, int]]:
        """Per source the counts of LEDGER_WORDS (`sending` counts as pending)."""
        ...

    def reasons(self) -> dict[str, dict[str, int]]:
        """Per source how many messages were skipped for which reason."""
        ...

    def health(self, source: str) -> Health:
        """How the source fares."""
        ...

    def set_health(self, source: str, health: Health) -> None:
        """Remember how the source fares."""
        ...

    def due(self, source: str, now: datetime) -> int:
        """How much pending work is due at `now`."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...
