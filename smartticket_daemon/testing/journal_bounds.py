"""The part of JournalContract about bounds: the last moment, the smallest count, the second of two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartticket_daemon.domain import Action, Cursor, Key, Note, Receipt, State, Triage
from smartticket_daemon.errors import JournalError
from smartticket_daemon.ports import Backfill, Journal
from smartticket_daemon.testing.journal_steps import (
    LEASE,
    NOW,
    RECEIPT,
    SOURCE,
    after,
    claim,
    entry,
    names,
    record,
    skipped,
)

DAY = 86_400
UNKNOWN = Key("0" * 32)


class BoundsContract:
    """What a slip by one, or a part left out, would change."""

    def test_a_wait_of_two_days_is_kept_and_a_longer_one_is_a_clock_set_back(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal)
        journal.release(entry("1").ref.key, after(2 * DAY), "no answer", NOW)
        assert claim(journal) == []
        journal.release(entry("1").ref.key, after(2 * DAY + 1), "no answer", NOW)
        assert len(claim(journal)) == 1

    def test_a_lease_that_begins_later_than_it_lasts_is_a_clock_set_back(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal, after(LEASE))
        assert claim(journal) == []
        assert len(claim(journal, after(-1))) == 1

    def test_work_that_never_waited_stands_in_line_by_its_age(self, journal: Journal) -> None:
        record(journal, entry("b", created=after(-1)), entry("a", created=after(-2)))
        assert names(claim(journal, limit=1)) == ["a"]
        journal.unclaim(entry("a").ref.key, NOW)
        assert names(claim(journal)) == ["a", "b"]

    def test_of_two_that_waited_alike_the_one_tried_less_goes_first(self, journal: Journal) -> None:
        record(journal, entry("1"), entry("2"))
        for limit in (2, 1):
            for work in claim(journal, limit=limit):
                journal.release(work.key, NOW, "no answer", NOW)
        assert [(w.ref.message, w.attempts) for w in claim(journal)] == [("2", 2), ("1", 3)]

    def test_every_change_tells_its_moment(self, journal: Journal) -> None:
        key = entry("1").ref.key
        record(journal, entry("1"))
        claim(journal, after(1))
        assert journal.find("1")[0].updated == after(1)
        journal.unclaim(key, after(2))
        assert journal.find("1")[0].updated == after(2)
        journal.release(key, NOW, "no answer", after(3))
        assert journal.find("1")[0].updated == after(3)
        journal.quarantine(key, "refused", after(4))
        journal.replay(key, after(5))
        assert (journal.find("1")[0].updated, journal.find("1")[0].error) == (after(5), "")
        journal.complete({key: RECEIPT}, after(6))
        journal.undone(key, after(7))
        assert journal.find("1")[0].updated == after(7)

    def test_success_forgets_the_error_before_it(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal)
        journal.release(entry("1").ref.key, NOW, "no answer", NOW)
        claim(journal)
        journal.complete({entry("1").ref.key: RECEIPT}, NOW)
        assert journal.find("1")[0].error == ""

    def test_nothing_is_complete_without_receipts(self, journal: Journal) -> None:
        record(journal, entry("1"))
        journal.complete({}, after(5))
        assert (journal.find("1")[0].state, journal.find("1")[0].updated) == (State.PENDING, NOW)

    def test_many_are_complete_at_once_each_with_its_own(self, journal: Journal) -> None:
        one, two = entry("1"), entry("2", action=Action.ABSTAIN)
        record(journal, one, two, entry("3"))
        claim(journal)
        journal.complete({one.ref.key: RECEIPT, two.ref.key: Receipt(("unsure",))}, NOW)
        found = [journal.find(name)[0] for name in "123"]
        assert [f.state for f in found] == [State.APPLIED, State.ABSTAINED, State.SENDING]
        assert [f.receipt for f in found] == [RECEIPT, Receipt(("unsure",)), None]
        assert found[1].ref.position == two.ref.position

    def test_a_receipt_comes_back_exactly(self, journal: Journal) -> None:
        odd = replace(
            RECEIPT, tags=("ü\\",), note_id="<ü\x00>", position="ü\\x41\udcff", detail={"ü": "\x00"}
        )
        record(journal, entry("1"))
        journal.complete({entry("1").ref.key: odd}, NOW)
        (found,) = journal.find("1")
        assert (found.receipt, found.ref.position) == (odd, odd.position)
        assert journal.threads(SOURCE, [str(odd.note_id)]) == {odd.note_id}

    def test_work_that_never_was_is_named_and_nothing_is_done(self, journal: Journal) -> None:
        record(journal, entry("1"))
        with pytest.raises(JournalError, match=f"^the journal does not know message {UNKNOWN}; was"):
            journal.complete({entry("1").ref.key: RECEIPT, UNKNOWN: RECEIPT}, NOW)
        assert journal.find("1")[0].state is State.PENDING
        assert not journal.replay(UNKNOWN, NOW)
        assert not journal.drop(UNKNOWN, NOW)
        assert not journal.undone(UNKNOWN, NOW)

    def test_of_several_unknown_the_first_is_named(self, journal: Journal) -> None:
        with pytest.raises(JournalError, match=UNKNOWN):
            journal.complete({Key("1" * 32): RECEIPT, UNKNOWN: RECEIPT}, NOW)

    def test_work_judged_anew_begins_anew_and_is_looked_up(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal)
        journal.release(entry("1").ref.key, after(99), "no answer", NOW)
        journal.quarantine(entry("1").ref.key, "refused", NOW)
        assert journal.replay(entry("1").ref.key, NOW, entry("1"))
        assert [(w.attempts, w.doubtful) for w in claim(journal)] == [(1, True)]

    def test_an_attempt_that_does_not_count_is_never_less_than_none(self, journal: Journal) -> None:
        record(journal, entry("1"))
        journal.release(entry("1").ref.key, NOW, "source is down", NOW, counted=False)
        assert journal.find("1")[0].attempts == 0
        assert [(w.attempts, w.doubtful) for w in claim(journal)] == [(1, True)]

    def test_undoing_forgets_the_note_too(self, journal: Journal) -> None:
        record(journal, entry("1", action=Action.ABSTAIN))
        journal.complete({entry("1").ref.key: RECEIPT}, NOW)
        assert journal.threads(SOURCE, [str(RECEIPT.note_id)]) == {RECEIPT.note_id}
        assert journal.undone(entry("1").ref.key, NOW)
        assert journal.threads(SOURCE, [str(RECEIPT.note_id)]) == set()
        assert journal.find("1")[0].decision.action is Action.SKIP

    def test_settled_without_a_receipt_is_not_undone(self, journal: Journal) -> None:
        record(journal, entry("1", State.APPLIED), skipped("2"))
        assert not journal.undone(entry("1").ref.key, NOW)
        assert not journal.undone(skipped("2").ref.key, NOW)

    def test_dropped_and_replayed_work_tells_what_became_of_it(self, journal: Journal) -> None:
        record(journal, entry("1"), entry("2"))
        for name in "12":
            journal.quarantine(entry(name).ref.key, "refused", NOW)
        journal.drop(entry("1").ref.key, after(1))
        (dropped,) = journal.find("1")
        assert (dropped.state, dropped.decision.action, dropped.updated) == (
            State.SKIPPED,
            Action.SKIP,
            after(1),
        )
        settled = entry("2", State.APPLIED, receipt=RECEIPT)
        assert journal.replay(settled.ref.key, after(2), settled)
        (found,) = journal.find("2")
        assert (found.state, found.receipt, found.error, found.attempts) == (State.APPLIED, RECEIPT, "", 0)
        assert journal.threads(SOURCE, [str(RECEIPT.note_id)]) == {RECEIPT.note_id}

    def test_what_is_replayed_into_quarantine_tells_why(self, journal: Journal) -> None:
        record(journal, entry("1"))
        journal.quarantine(entry("1").ref.key, "refused", NOW)
        bad = entry("1", State.QUARANTINED, Action.SKIP, "too_deep")
        assert journal.replay(bad.ref.key, NOW, bad)
        assert [item.reason for item in journal.quarantined()] == ["too_deep"]
        assert not journal.replay(bad.ref.key, NOW)

    def test_a_plan_comes_back_with_all_its_parts(self, journal: Journal) -> None:
        plan = Triage(("a", "b"), "Billing", Note("Hello", "billing.en", ("invoice", "twice")), ("c", "d"))
        record(journal, replace(entry("1"), triage=plan))
        assert [w.triage for w in claim(journal)] == [plan]

    def test_a_quarantined_entry_may_bring_its_plan(self, journal: Journal) -> None:
        planned = replace(entry("1"), state=State.QUARANTINED)
        record(journal, planned)
        assert journal.replay(planned.ref.key, NOW)
        assert [w.triage for w in claim(journal)] == [planned.triage]

    def test_sources_have_pasts_and_positions_of_their_own(self, journal: Journal) -> None:
        mine, theirs = entry("1"), entry("1", source="other")
        journal.record_past(SOURCE, [mine], Backfill(Cursor("a"), 1), {}, NOW)
        journal.record_past("other", [theirs], Backfill(Cursor("b"), 2), {mine.ref.key: "moved"}, after(1))
        assert (journal.backfill(SOURCE).cursor, journal.backfill("other").cursor) == ("a", "b")
        records = {r.ref.source: r for r in journal.find("1")}
        assert records[SOURCE].ref.position == "moved"
        assert (records[SOURCE].created, records["other"].updated) == (NOW, after(1))
