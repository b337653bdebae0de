"""The part of JournalContract about work, from claim to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from smartticket_daemon.domain import Action, Cursor, Decision, Key, Receipt, State, Triage
from smartticket_daemon.errors import JournalError
from smartticket_daemon.ports import Journal, Quarantined
from smartticket_daemon.testing.journal_steps import (
    LEASE,
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
    state_of,
)

SETTLE: dict[str, Callable[[Journal, Key], None]] = {
    "complete": lambda journal, key: journal.complete({key: RECEIPT}, after(5)),
    "skip": lambda journal, key: journal.skip(key, "closed", after(5)),
    "quarantine": lambda journal, key: journal.quarantine(key, "refused", after(5)),
}
GIVE_BACK: dict[str, Callable[[Journal, Key], None]] = {
    "release": lambda journal, key: journal.release(key, after(5), "no answer", after(5)),
    "unclaim": lambda journal, key: journal.unclaim(key, after(5)),
}
CHANGES = SETTLE | GIVE_BACK


class WorkContract:
    """Work is done once, looked up when in doubt, and never forgotten."""

    def test_claimed_work_is_complete(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work, skipped("2"), entry("3", State.OBSERVED))
        (claimed,) = claim(journal)
        assert (claimed.key, claimed.ref, claimed.decision) == (work.ref.key, work.ref, work.decision)
        assert (claimed.triage, claimed.attempts, claimed.doubtful) == (PLAN, 1, False)
        assert state_of(journal, work) is State.SENDING
        assert counts(journal) == {"seen": 3, "pending": 1, "skipped": 1, "observed": 1}

    def test_the_oldest_message_goes_first(self, journal: Journal) -> None:
        ages = {"c": 0, "a": -7, "b": 3, "d": -7}
        record(journal, *(entry(name, created=after(age)) for name, age in ages.items()))
        assert names(claim(journal, limit=2)) == ["a", "d"]
        assert names(claim(journal, limit=2)) == ["c", "b"]
        assert claim(journal, limit=2) == []

    def test_what_failed_goes_behind_what_failed_less(self, journal: Journal) -> None:
        record(journal, entry("old", created=after(-9)), entry("new"))
        claim(journal, limit=1)
        journal.release(entry("old").ref.key, NOW, "no answer", NOW)
        assert names(claim(journal, limit=1)) == ["new"]
        assert names(claim(journal, limit=1)) == ["old"]

    def test_what_is_due_again_stands_in_line_from_then_on(self, journal: Journal) -> None:
        record(journal, entry("failed", created=after(-9)))
        claim(journal)
        journal.release(entry("failed").ref.key, after(2), "no answer", NOW)
        record(journal, entry("before", created=after(1)), entry("behind", created=after(3)))
        assert names(claim(journal, after(5))) == ["before", "failed", "behind"]

    def test_sources_do_not_mix(self, journal: Journal) -> None:
        record(journal, entry("1"))
        record(journal, entry("2", source="other"), source="other")
        assert names(claim(journal)) == ["1"]
        assert names(claim(journal, source="other")) == ["2"]
        assert claim(journal, source="none") == []

    def test_a_lease_that_ran_out_is_taken_up_in_doubt(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal)
        assert claim(journal, after(LEASE - 1)) == []
        (again,) = claim(journal, after(LEASE))
        assert (again.attempts, again.doubtful) == (2, True)
        assert claim(journal, after(LEASE + 1)) == []

    def test_a_clock_set_back_frees_the_lease(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal, after(86_400))
        assert len(claim(journal, NOW)) == 1

    def test_a_clock_set_back_frees_what_waits(self, journal: Journal) -> None:
        record(journal, entry("1"))
        claim(journal)
        journal.release(entry("1").ref.key, after(10 * 365 * 86_400), "no answer", NOW)
        assert len(claim(journal, NOW)) == 1

    @pytest.mark.parametrize(("action", "state"), [("apply", "applied"), ("abstain", "abstained")])
    def test_complete_settles_as_decided(self, journal: Journal, action: str, state: str) -> None:
        work = entry("1", action=Action(action))
        record(journal, work)
        claim(journal)
        journal.complete({work.ref.key: RECEIPT}, after(5))
        (found,) = journal.find("1")
        assert (found.state, found.receipt, found.decision) == (State(state), RECEIPT, work.decision)
        assert (found.attempts, found.error, found.updated) == (1, "", after(5))
        assert found.ref.position == RECEIPT.position
        assert counts(journal) == {"seen": 1, state: 1}

    def test_what_was_delivered_can_be_undone_once(self, journal: Journal) -> None:
        for name in "12":
            record(journal, entry(name))
            claim(journal)
            journal.complete({entry(name).ref.key: RECEIPT}, after(int(name)))
        first, second = journal.delivered()
        assert [r.ref.message for r in (first, second)] == ["1", "2"]
        assert journal.delivered(since=after(2)) == [second]
        assert journal.delivered(until=after(2)) == [first]
        assert journal.delivered("another") == []
        assert journal.undone(first.key, after(5))
        assert not journal.undone(first.key, after(6))
        assert journal.delivered() == [second]
        (found,) = journal.find("1")
        assert (found.state, found.decision.reason, found.receipt) == (State.SKIPPED, "undone", None)
        assert counts(journal) == {"seen": 2, "applied": 1, "skipped": 1}

    def test_what_was_never_delivered_cannot_be_undone(self, journal: Journal) -> None:
        record(journal, entry("1"))
        assert journal.delivered() == []
        assert not journal.undone(entry("1").ref.key, NOW)
        assert counts(journal) == {"seen": 1, "pending": 1}

    def test_a_receipt_without_a_position_leaves_it(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        journal.complete({work.ref.key: Receipt()}, NOW)
        assert journal.find("1")[0].ref == work.ref

    def test_skip_gives_the_reason(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        claim(journal)
        journal.skip(work.ref.key, "closed", after(5))
        (found,) = journal.find("1")
        assert (found.state, found.decision.action, found.decision.reason) == (
            State.SKIPPED,
            Action.SKIP,
            "closed",
        )
        assert journal.reasons() == {SOURCE: {"closed": 1}}

    def test_release_waits_and_counts(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        claim(journal)
        journal.release(work.ref.key, after(30), "no answer", NOW)
        assert (journal.due(SOURCE, after(29)), journal.due(SOURCE, after(30))) == (0, 1)
        assert claim(journal, after(29)) == []
        assert journal.find("1")[0].error == "no answer"
        (again,) = claim(journal, after(30))
        assert (again.attempts, again.doubtful) == (2, True)

    def test_an_uncounted_release_leaves_only_the_doubt(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        claim(journal)
        journal.release(work.ref.key, after(30), "source is down", NOW, counted=False)
        assert (journal.find("1")[0].attempts, journal.find("1")[0].error) == (0, "source is down")
        assert claim(journal, after(29)) == []
        (again,) = claim(journal, after(30))
        assert (again.attempts, again.doubtful) == (1, True)

    @pytest.mark.parametrize("live", [True, False])
    def test_unclaim_leaves_no_trace(self, journal: Journal, live: bool) -> None:
        work = entry("1")
        record(journal, work, live=live)
        (first,) = claim(journal)
        journal.unclaim(work.ref.key, NOW)
        assert journal.due(SOURCE, NOW) == 1
        assert claim(journal) == [first]
        journal.release(work.ref.key, NOW, "", NOW)
        (second,) = claim(journal)
        journal.unclaim(work.ref.key, NOW)
        journal.unclaim(work.ref.key, NOW)
        assert claim(journal) == [second]
        assert (second.attempts, second.doubtful) == (2, True)

    @pytest.mark.parametrize("settle", SETTLE)
    @pytest.mark.parametrize("change", CHANGES)
    def test_settled_work_stays_settled(self, journal: Journal, settle: str, change: str) -> None:
        work = entry("1")
        record(journal, work)
        claim(journal)
        SETTLE[settle](journal, work.ref.key)
        before = journal.find("1")
        CHANGES[change](journal, work.ref.key)
        assert journal.find("1") == before
        assert claim(journal, after(10_000)) == []

    @pytest.mark.parametrize("change", CHANGES)
    def test_unknown_work_is_an_error(self, journal: Journal, change: str) -> None:
        with pytest.raises(JournalError):
            CHANGES[change](journal, Key("0" * 32))

    def test_quarantine_lists_oldest_first(self, journal: Journal) -> None:
        one, two = entry("1"), entry("2")
        unread = entry("3", State.QUARANTINED, Action.SKIP, "too_deep")
        record(journal, one, two, unread)
        claim(journal)
        journal.quarantine(two.ref.key, "refused", after(1))
        journal.quarantine(one.ref.key, "worn out", after(2))
        assert journal.quarantined() == [
            Quarantined(unread.ref.key, unread.ref, "too_deep", 0, NOW),
            Quarantined(two.ref.key, two.ref, "refused", 1, after(1)),
            Quarantined(one.ref.key, one.ref, "worn out", 1, after(2)),
        ]
        assert journal.quarantined("other") == []
        assert len(journal.quarantined(SOURCE)) == 3
        assert claim(journal, after(10_000)) == []

    def test_replay_brings_the_plan_back_in_doubt(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        assert not journal.replay(work.ref.key, NOW)
        claim(journal)
        journal.release(work.ref.key, after(99), "no answer", NOW)
        journal.quarantine(work.ref.key, "refused", NOW)
        assert journal.replay(work.ref.key, after(1))
        assert journal.quarantined() == []
        (again,) = claim(journal, after(1))
        assert (again.triage, again.attempts, again.doubtful) == (PLAN, 1, True)
        assert not journal.replay(work.ref.key, NOW)

    def test_replay_of_what_was_never_read_needs_an_entry(self, journal: Journal) -> None:
        bad = entry("1", State.QUARANTINED, Action.SKIP, "too_deep")
        record(journal, bad)
        assert not journal.replay(bad.ref.key, NOW)
        assert len(journal.quarantined()) == 1
        now_read = replace(entry("1"), triage=Triage(("new",)), ref=replace(bad.ref, position="now"))
        assert journal.replay(bad.ref.key, NOW, now_read)
        (work,) = claim(journal)
        assert (work.ref, work.decision, work.triage) == (now_read.ref, now_read.decision, Triage(("new",)))

    def test_replay_may_settle_at_once(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        journal.quarantine(work.ref.key, "refused", NOW)
        assert journal.replay(work.ref.key, NOW, skipped("1", "solved"))
        assert counts(journal) == {"seen": 1, "skipped": 1}
        assert journal.reasons() == {SOURCE: {"solved": 1}}

    def test_drop_gives_up(self, journal: Journal) -> None:
        work = entry("1")
        record(journal, work)
        assert not journal.drop(work.ref.key, NOW)
        journal.quarantine(work.ref.key, "refused", NOW)
        assert journal.drop(work.ref.key, NOW)
        assert not journal.drop(work.ref.key, NOW)
        assert journal.reasons() == {SOURCE: {"dropped": 1}}
        assert journal.find("1")[0].error == "refused"
        assert not journal.replay(work.ref.key, NOW)

    def test_work_without_a_change_is_still_work(self, journal: Journal) -> None:
        bare = replace(entry("1"), triage=None)
        journal.record(SOURCE, [bare], Cursor("c"), {}, NOW)
        assert [w.triage for w in claim(journal)] == [Triage()]
        journal.quarantine(bare.ref.key, "refused", NOW)
        assert journal.replay(bare.ref.key, NOW)

    def test_a_decision_without_figures_comes_back(self, journal: Journal) -> None:
        plain = replace(entry("1"), decision=Decision(Action.ABSTAIN, "unsure"))
        journal.record(SOURCE, [plain], Cursor("c"), {}, NOW)
        assert claim(journal)[0].decision == plain.decision
