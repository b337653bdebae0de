"""Values and steps that the tests of JournalContract are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from smartticket_daemon.domain import Action, Cursor, Decision, MessageRef, Note, Receipt, State, Triage
from smartticket_daemon.ports import LEDGER_WORDS, Entry, Journal, Work

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
SOURCE = "support"
LEASE = 120.0
PLAN = Triage(("category__billing", "urgent"), "Billing", Note("Hello Ann ✓\x00\udc80", "billing.en"))
RECEIPT = Receipt(("category__billing",), "Billing", "Inbox", "<note@us>", "Billing:7", {"uid": "7"})


def after(seconds: float) -> datetime:
    """So long after NOW."""
    return NOW + timedelta(seconds=seconds)


def entry(
    name: str,
    state: State = State.PENDING,
    action: Action = Action.APPLY,
    reason: str = "confident",
    *,
    source: str = SOURCE,
    ticket: str | None = None,
    created: datetime = NOW,
    receipt: Receipt | None = None,
) -> Entry:
    """A message as ingest hands it over; it has a plan where it is not settled."""
    ref = MessageRef(source, ticket or f"T-{name}", name, f"INBOX:{name}")
    decision = Decision(action, reason, "billing", 0.1 + 0.2, 1 / 3, "de")
    triage = PLAN if state is State.PENDING else None
    return Entry(ref, decision, state, created, triage, receipt, "digest")


def skipped(name: str, reason: str = "list", **fields: str) -> Entry:
    """A message that is not triaged."""
    return entry(name, State.SKIPPED, Action.SKIP, reason, **fields)  # type: ignore[arg-type]


def record(journal: Journal, *entries: Entry, source: str = SOURCE, live: bool = True) -> int:
    """Store entries; `live` ones arrived after the first poll."""
    if live:
        journal.first_poll_done(source, NOW)
    return journal.record(source, entries, Cursor("c1"), {}, NOW)


def claim(journal: Journal, now: datetime = NOW, limit: int = 100, source: str = SOURCE) -> list[Work]:
    """Take up what is due."""
    return journal.claim(source, now, LEASE, limit)


def names(works: Sequence[Work]) -> list[str]:
    """Their messages, in order."""
    return [work.ref.message for work in works]


def counts(journal: Journal, source: str = SOURCE) -> dict[str, int]:
    """The ledger's line without its zeros, balanced."""
    line = journal.ledger()[source]
    assert tuple(line) == LEDGER_WORDS
    assert line["seen"] == sum(line.values()) - line["seen"]
    return {word: count for word, count in line.items() if count}


def state_of(journal: Journal, entry: Entry) -> State:
    """Where the message stands."""
    (found,) = journal.find(entry.ref.key)
    return found.state
