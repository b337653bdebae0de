"""The part of JournalContract about what people made of our decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from smartticket_daemon.domain import Action, Cursor, Opinion, Receipt, State
from smartticket_daemon.errors import JournalError
from smartticket_daemon.ports import Entry, Feedback, Journal, Week
from smartticket_daemon.testing.journal_steps import (
    NOW,
    RECEIPT,
    SOURCE,
    after,
    claim,
    entry,
    record,
    skipped,
)

CORRECTED = Feedback(Opinion.CORRECTED, "refund", after(10), after(10), after(20))


def undecided(looked: float, due: float) -> Feedback:
    """Nobody has decided yet."""
    return Feedback(Opinion.UNDECIDED, None, after(0), after(looked), after(due))


def settle(journal: Journal, *entries: Entry) -> None:
    """Record them and deliver what they plan, at NOW."""
    record(journal, *entries)
    journal.complete({work.key: RECEIPT for work in claim(journal)}, NOW)


def asked(journal: Journal, now: float = 5, limit: int = 100, since: float = -60) -> list[str]:
    """Messages at which it is time to look."""
    found = journal.to_look(SOURCE, after(since), after(now), after(now), limit)
    return [judged.record.ref.message for judged in found]


class FeedbackContract:
    """Each decision that stands is looked at in its turn; what was seen is kept and adds up."""

    def test_only_what_stands_is_looked_at(self, journal: Journal) -> None:
        abstained = entry("2", State.ABSTAINED, Action.ABSTAIN)
        settle(journal, entry("1"), abstained, skipped("3"), entry("4", State.OBSERVED))
        journal.record("other", [entry("5", State.ABSTAINED, source="other")], Cursor("c"), {}, NOW)
        record(journal, entry("6"))
        assert asked(journal) == ["1", "2"]
        journal.undone(entry("1").ref.key, NOW)
        assert asked(journal) == ["2"]

    def test_only_within_the_window(self, journal: Journal) -> None:
        settle(journal, entry("1"))
        assert asked(journal, now=0) == asked(journal, since=1) == []
        assert asked(journal, since=0) == ["1"]

    def test_the_least_recently_looked_at_first(self, journal: Journal) -> None:
        settle(journal, *(entry(name) for name in "abcd"))
        looks = {"a": undecided(3, 4), "b": undecided(1, 5), "c": undecided(2, 6)}
        journal.set_feedback({entry(name).ref.key: seen for name, seen in looks.items()})
        assert asked(journal) == ["d", "b", "a"]
        assert asked(journal, now=9) == ["d", "b", "c", "a"]
        assert asked(journal, now=9, limit=2) == ["d", "b"]

    def test_a_clock_that_was_set_back_hides_nothing(self, journal: Journal) -> None:
        settle(journal, entry("1"))
        days = timedelta(days=5).total_seconds()
        journal.set_feedback({entry("1").ref.key: undecided(days, 2 * days)})
        assert asked(journal) == ["1"]

    def test_what_was_seen_comes_back_exactly_and_is_replaced(self, journal: Journal) -> None:
        settle(journal, entry("1"), entry("2"))
        key = entry("1").ref.key
        for seen in (CORRECTED, replace(CORRECTED, label="billing", since=after(11)), undecided(12, 13)):
            journal.set_feedback({key: seen})
            (found,) = [j for j in journal.to_look(SOURCE, NOW, after(99), after(99), 9) if j.feedback]
            assert (found.record.key, found.feedback) == (key, seen)
            assert found.record.receipt == RECEIPT

    def test_all_or_nothing_and_no_unknown_message(self, journal: Journal) -> None:
        settle(journal, entry("1"))
        found = {entry("1").ref.key: CORRECTED, entry("none").ref.key: CORRECTED}
        with pytest.raises(JournalError):
            journal.set_feedback(found)
        assert journal.feedback() == []
        journal.set_feedback({})

    def test_what_people_decided_about(self, journal: Journal) -> None:
        settle(journal, entry("1"), entry("2"), entry("3"))
        keys = [entry(name).ref.key for name in "123"]
        rejected = replace(CORRECTED, opinion=Opinion.REJECTED, label=None)
        journal.set_feedback({keys[0]: CORRECTED, keys[1]: undecided(1, 2), keys[2]: rejected})
        assert [(j.record.key, j.feedback) for j in journal.feedback()] == [
            (keys[0], CORRECTED),
            (keys[2], rejected),
        ]
        assert journal.feedback("other") == []
        journal.undone(keys[0], NOW)
        assert [j.record.key for j in journal.feedback(SOURCE)] == [keys[2]]

    def test_tags_of_ours_are_those_of_all_messages_of_the_ticket(self, journal: Journal) -> None:
        first, second = entry("1", ticket="T"), entry("2", ticket="T", created=after(1))
        record(journal, first, second)
        claim(journal)
        tags = [("unsure",), ("category__billing", "urgent")]
        done = {e.ref.key: Receipt(own) for e, own in zip((first, second), tags, strict=True)}
        journal.complete(done, NOW)
        found = journal.to_look(SOURCE, NOW, after(9), after(9), 9)
        assert [judged.ours for judged in found] == [{"unsure", "category__billing", "urgent"}] * 2

    def test_weeks_add_up(self, journal: Journal) -> None:
        settle(journal, *(entry(name) for name in "1234"), entry("5", State.ABSTAINED, Action.ABSTAIN))
        keys = [entry(name).ref.key for name in "12345"]
        opinions = (
            Opinion.CORRECTED,
            Opinion.CONFIRMED,
            Opinion.REJECTED,
            Opinion.UNDECIDED,
            Opinion.LABELLED,
        )
        journal.set_feedback({k: replace(CORRECTED, opinion=o) for k, o in zip(keys, opinions, strict=True)})
        (week,) = journal.weeks(NOW)
        assert week == Week("2026-W48", "billing", 4, 1, 1, 1, 1, 1, 2, week.confidence)
        assert week.confidence == pytest.approx(2 * (0.1 + 0.2))
        assert journal.weeks(after(1)) == []
