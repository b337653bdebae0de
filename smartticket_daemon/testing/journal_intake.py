"""The part of JournalContract about taking in: record, cursor, known, threads, first_poll_done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from smartticket_daemon.domain import Cursor, Key, State
from smartticket_daemon.ports import Backfill, Journal, Known
from smartticket_daemon.testing.journal_steps import (
    NOW,
    PLAN,
    RECEIPT,
    SOURCE,
    after,
    claim,
    counts,
    entry,
    names,
    record,
    skipped,
)

HOSTILE = "a\x00b\udcff\U0001f600 ü\\u0041'\"%_;\n"


class IntakeContract:
    """Nothing is lost, nothing is counted twice, nothing is half stored."""

    def test_a_new_journal_is_empty(self, journal: Journal) -> None:
        assert journal.cursor(SOURCE) is None
        assert journal.ledger() == {}
        assert journal.known(SOURCE, ["T-1"]) == []
        assert claim(journal) == []

    @pytest.mark.parametrize("cursor", ["7", "", HOSTILE, "x" * 100_000])
    def test_the_cursor_comes_back_exactly(self, journal: Journal, cursor: str) -> None:
        journal.record(SOURCE, [], Cursor("earlier"), {}, NOW)
        assert journal.record(SOURCE, [], Cursor(cursor), {}, NOW) == 0
        assert journal.cursor(SOURCE) == cursor
        assert journal.cursor("other") is None

    def test_known_keys_are_left_as_they_are(self, journal: Journal) -> None:
        first = entry("1")
        assert record(journal, first, skipped("2")) == 2
        again = replace(first, state=State.SKIPPED, ref=replace(first.ref, position="elsewhere"))
        assert record(journal, again, entry("3"), entry("3")) == 1
        assert counts(journal) == {"seen": 3, "pending": 2, "skipped": 1}
        assert journal.known(SOURCE, [first.ref.ticket])[0].ref == first.ref

    def test_of_two_entries_with_one_key_the_first_counts(self, journal: Journal) -> None:
        assert record(journal, skipped("1", "list"), skipped("1", "bounce")) == 1
        assert journal.reasons() == {SOURCE: {"list": 1}}

    def test_large_batches_are_whole(self, journal: Journal) -> None:
        batch = [skipped(str(n)) for n in range(1203)]
        assert record(journal, *batch) == 1203
        assert record(journal, *batch) == 0
        tickets = [e.ref.ticket for e in batch]
        assert [k.ref for k in journal.known(SOURCE, tickets)] == [e.ref for e in batch]
        assert journal.threads(SOURCE, [e.ref.message for e in batch]) == {str(n) for n in range(1203)}

    def test_known_by_ticket_in_order_with_duplicates(self, journal: Journal) -> None:
        first = entry("b", ticket="T", created=after(9))
        second = skipped("a", "duplicate", ticket="T")
        elsewhere = skipped("a", ticket="T", source="other")
        record(journal, first, second, skipped("c", ticket="U"))
        record(journal, elsewhere, source="other")
        assert journal.known(SOURCE, ["T", "T", "none"]) == [
            Known(first.ref.key, first.ref, State.PENDING, duplicate=False),
            Known(second.ref.key, second.ref, State.SKIPPED, duplicate=True),
        ]

    def test_threads_know_messages_seen_and_notes_written(self, journal: Journal) -> None:
        done = entry("1")
        before = entry("2", State.APPLIED, receipt=replace(RECEIPT, note_id="<earlier@us>"))
        record(journal, done, before)
        asked = ["1", "2", "3", "T-1", "<note@us>", "<earlier@us>"]
        assert journal.threads(SOURCE, asked) == {"1", "2", "<earlier@us>"}
        journal.complete({done.ref.key: RECEIPT}, NOW)
        assert journal.threads(SOURCE, asked) == {"1", "2", "<note@us>", "<earlier@us>"}
        assert journal.threads("other", asked) == set()
        assert journal.threads(SOURCE, []) == set()

    def test_moved_messages_keep_their_record(self, journal: Journal) -> None:
        first = entry("1")
        record(journal, first)
        moved = {first.ref.key: "Archive:9", Key("0" * 32): "nowhere"}
        journal.record(SOURCE, [], Cursor("c2"), moved, after(1))
        assert journal.known(SOURCE, [first.ref.ticket])[0].ref.position == "Archive:9"
        assert claim(journal)[0].ref.position == "Archive:9"

    def test_a_refused_batch_changes_nothing(self, journal: Journal) -> None:
        first = entry("1")
        record(journal, first)
        bad = entry("3", created=datetime(2026, 11, 23))  # noqa: DTZ001 - that is what is wrong with it
        with pytest.raises(ValueError, match="aware"):
            journal.record(SOURCE, [entry("2"), bad], Cursor("c2"), {first.ref.key: "gone"}, NOW)
        assert journal.cursor(SOURCE) == "c1"
        assert counts(journal) == {"seen": 1, "pending": 1}
        assert journal.known(SOURCE, [first.ref.ticket])[0].ref == first.ref

    def test_what_came_before_the_first_poll_is_doubtful(self, journal: Journal) -> None:
        record(journal, entry("old"), live=False)
        record(journal, entry("other", source="other"), source="other", live=True)
        journal.first_poll_done(SOURCE, NOW)
        record(journal, entry("new"), live=False)
        assert {w.ref.message: w.doubtful for w in claim(journal)} == {"old": True, "new": False}
        assert [w.doubtful for w in claim(journal, source="other")] == [False]

    def test_the_past_has_a_cursor_of_its_own_and_is_always_doubtful(self, journal: Journal) -> None:
        assert journal.backfill(SOURCE) == Backfill()
        reached = Backfill(Cursor(HOSTILE), 2, after(-9), after(9))
        assert journal.record_past(SOURCE, [entry("old")], reached, {}, NOW) == 1
        assert (journal.backfill(SOURCE), journal.cursor(SOURCE)) == (reached, None)
        record(journal, entry("new"), entry("old"))
        assert journal.record_past(SOURCE, [entry("new"), entry("older")], Backfill(), {}, NOW) == 1
        assert (journal.backfill(SOURCE), journal.cursor(SOURCE)) == (Backfill(), "c1")
        assert journal.backfill("other") == Backfill()
        doubtful = {w.ref.message: w.doubtful for w in claim(journal)}
        assert doubtful == {"old": True, "new": False, "older": True}

    def test_any_text_comes_back_exactly(self, journal: Journal) -> None:
        odd = entry(HOSTILE, ticket=HOSTILE + "T")
        odd = replace(odd, ref=replace(odd.ref, position=HOSTILE), model=HOSTILE)
        record(journal, odd)
        (work,) = claim(journal)
        assert (work.key, work.ref, work.decision, work.triage) == (odd.ref.key, odd.ref, odd.decision, PLAN)
        assert journal.threads(SOURCE, [HOSTILE]) == {HOSTILE}
        journal.release(work.key, NOW, HOSTILE, NOW)
        (found,) = journal.find(HOSTILE)
        assert (found.error, found.model, found.ref) == (HOSTILE, HOSTILE, odd.ref)

    def test_moments_come_back_aware_and_equal(self, journal: Journal) -> None:
        local = NOW.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
        record(journal, entry("1", created=local))
        found = journal.find("1")[0]
        assert (found.created, found.updated) == (NOW, NOW)
        assert found.created.utcoffset() == timedelta(0)

    def test_naive_moments_are_refused(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        naive = NOW.replace(tzinfo=None)
        calls: list[Callable[[], object]] = [
            lambda: journal.claim(SOURCE, naive, 1, 1),
            lambda: journal.complete({work.ref.key: RECEIPT}, naive),
            lambda: journal.release(work.ref.key, naive, "", NOW),
            lambda: journal.due(SOURCE, naive),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="aware"):
                call()
        assert names(claim(journal)) == ["1"]
