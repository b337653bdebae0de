"""The part of JournalContract about what it shows: ledger, reasons, find, health, due."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from smartticket_daemon.domain import Action, Cursor, State
from smartticket_daemon.ports import LEDGER_WORDS, Health, Journal
from smartticket_daemon.testing.journal_steps import (
    NOW,
    RECEIPT,
    SOURCE,
    after,
    claim,
    counts,
    entry,
    record,
    skipped,
)

ILL = Health(after(-60), 3, "no answer ✓", 69, after(60), NOW, after(-120))


class ViewsContract:
    """The ledger balances at any moment, and what is shown is what is stored."""

    def fill(self, journal: Journal) -> Any:
        """Something of everything; returns what it shows."""
        record(journal, skipped("1"), entry("2"), entry("3"), entry("4"), entry("5", State.OBSERVED))
        record(journal, entry("6", State.QUARANTINED, Action.SKIP, "too_deep"), live=False)
        two, three, _four = claim(journal)
        journal.complete({two.key: RECEIPT}, NOW)
        journal.release(three.key, after(9), "no answer", NOW)
        journal.set_health(SOURCE, ILL)
        return self.snapshot(journal)

    def snapshot(self, journal: Journal) -> Any:
        """What it shows of the source."""
        records = [journal.find(str(n)) for n in range(1, 7)]
        health = asdict(journal.health(SOURCE))
        views = (journal.ledger(), journal.reasons(), journal.quarantined(), journal.due(SOURCE, after(9)))
        return (journal.cursor(SOURCE), records, health, *views)

    def test_the_ledger_counts_every_state(self, journal: Journal) -> None:
        self.fill(journal)
        record(journal, entry("7", State.ABSTAINED, Action.ABSTAIN))
        assert counts(journal) == {
            "seen": 7,
            "applied": 1,
            "observed": 1,
            "abstained": 1,
            "skipped": 1,
            "quarantined": 1,
            "pending": 2,
        }

    def test_a_source_without_messages_has_a_line(self, journal: Journal) -> None:
        journal.set_health("ill", ILL)
        journal.record("quiet", [], Cursor("c"), {}, NOW)
        zeros = dict.fromkeys(LEDGER_WORDS, 0)
        assert journal.ledger() == {"ill": zeros, "quiet": zeros}
        assert journal.reasons() == {"ill": {}, "quiet": {}}

    def test_reasons_count_what_was_skipped(self, journal: Journal) -> None:
        record(journal, skipped("1", "list"), skipped("2", "bounce"), skipped("3", "list"), entry("4"))
        record(journal, skipped("1", "agent", source="other"), source="other")
        assert journal.reasons() == {SOURCE: {"list": 2, "bounce": 1}, "other": {"agent": 1}}

    def test_the_records_of_some_tickets(self, journal: Journal) -> None:
        one, two, other = entry("m1", ticket="T"), skipped("m2", ticket="T"), entry("m3", ticket="U")
        record(journal, one, two, other, entry("m4", ticket="V"))
        record(journal, entry("m5", ticket="T", source="other"), source="other")
        assert [r.key for r in journal.records(SOURCE, ["U", "T", "T", "X"])] == [
            one.ref.key, two.ref.key, other.ref.key,
        ]  # fmt: skip
        assert journal.records(SOURCE, []) == []
        assert journal.records(SOURCE, ["T"])[0] == journal.find(one.ref.key)[0]

    def test_find_by_key_ticket_or_message(self, journal: Journal) -> None:
        one, two = entry("m1", ticket="T"), skipped("m2", ticket="T")
        record(journal, one, two)
        assert [r.key for r in journal.find("T")] == [one.ref.key, two.ref.key]
        assert [r.key for r in journal.find("m2")] == [two.ref.key]
        assert [r.ref for r in journal.find(one.ref.key[:12])] == [one.ref]
        (found,) = journal.find(one.ref.key)
        assert (found.state, found.decision, found.model) == (State.PENDING, one.decision, "digest")
        assert (found.receipt, found.attempts, found.error) == (None, 0, "")

    @pytest.mark.parametrize("text", ["%", "_", "_" * 32, "/", "\\", "none", "t", "\x00", "\ud800"])
    def test_find_takes_text_literally(self, journal: Journal, text: str) -> None:
        record(journal, entry("1", ticket="T"))
        assert journal.find(text) == []

    def test_health_comes_back_exactly(self, journal: Journal) -> None:
        assert journal.health(SOURCE) == Health()
        journal.record(SOURCE, [], Cursor("c"), {}, NOW)
        assert journal.health(SOURCE) == Health()
        journal.set_health(SOURCE, ILL)
        assert (journal.health(SOURCE), journal.health("other")) == (ILL, Health())
        journal.set_health(SOURCE, Health(last_poll=NOW, last_success=NOW))
        assert journal.health(SOURCE) == Health(last_poll=NOW, last_success=NOW)
        assert journal.cursor(SOURCE) == "c"

    def test_due_counts_what_waits_for_nothing(self, journal: Journal) -> None:
        assert journal.due(SOURCE, NOW) == 0
        record(journal, entry("1"), entry("2"), entry("3"), skipped("4"))
        assert journal.due(SOURCE, NOW) == 3
        first, second, _third = claim(journal)
        journal.unclaim(first.key, NOW)
        journal.release(second.key, after(5), "no answer", NOW)
        assert [journal.due(SOURCE, after(s)) for s in (0, 5)] == [1, 2]
        assert journal.due("other", NOW) == 0

    def test_a_closed_journal_may_be_closed_again(self, journal: Journal) -> None:
        journal.close()
        journal.close()
