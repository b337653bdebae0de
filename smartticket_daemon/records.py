"""What passes between the pipeline and the journal: values, frozen, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smartticket_daemon.domain import Cursor, Decision, Key, MessageRef, Opinion, Receipt, State, Triage


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as `ingest` hands it to the journal: decided, planned, not yet done."""

    ref: MessageRef
    decision: Decision
    state: State
    created: datetime
    triage: Triage | None = None
    receipt: Receipt | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal remembers of a message that turns up again."""

    key: Key
    ref: MessageRef
    state: State
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Work:
    """One claimed delivery. `doubtful` means: look with `applied` before writing."""

    key: Key
    ref: MessageRef
    decision: Decision
    triage: Triage
    attempts: int
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One line of the quarantine list."""

    key: Key
    ref: MessageRef
    reason: str
    attempts: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the journal holds of one message, for `explain` and `status`."""

    key: Key
    ref: MessageRef
    state: State
    decision: Decision
    receipt: Receipt | None
    attempts: int
    error: str
    created: datetime
    updated: datetime
    model: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a source fares. `failing_since` is None when its last poll was good.

    `not_before` is the wait the remote asked for (or our own back-off); it outlives the process.
    """

    failing_since: datetime | None = None
    failures: int = 0
    error: str = ""
    exit_code: int = 0
    not_before: datetime | None = None
    last_poll: datetime | None = None
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the past of a source was triaged, newest first: `cursor` covers `tickets` tickets.

    Of those created before `since` nothing is known, wherever the cursor stands. `finished` is when none
    of the others was left.
    """

    cursor: Cursor | None = None
    tickets: int = 0
    since: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What people made of one decision. `label` is the category they chose, with `corrected` and `labelled`.

    `since` is when we first saw it so, `looked` when we looked last, `due` when we shall look again.
    """

    opinion: Opinion
    label: str | None
    since: datetime
    looked: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """One decision that stands at the remote, with what people made of it (None: nobody looked yet).

    `ours` are the tags of all our receipts for its ticket.
    """

    record: Record
    ours: frozenset[str]
    feedback: Feedback | None


@dataclass(frozen=True, slots=True)
class Week:
    """What people made of one ISO week's decisions (UTC) of one category, as `2026-W48`.

    `applied` and `abstained` count decisions, the opinions what is known of them; `confidence` is the sum
    over those confirmed and corrected that have one, `weighed` their number.
    """

    week: str
    category: str
    applied: int = 0
    abstained: int = 0
    confirmed: int = 0
    corrected: int = 0
    rejected: int = 0
    labelled: int = 0
    weighed: int = 0
    confidence: float = 0.0


LEDGER_WORDS = ("seen", "applied", "observed", "abstained", "skipped", "quarantined", "pending")
"""`seen` is the sum of all the others, at any moment."""
