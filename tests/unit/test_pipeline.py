"""ingest() and deliver() on a remote in memory and the real journal, balanced after every call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Batch, Mode, State, Status, Unreadable
from smartticket_daemon.errors import (
    AccessDenied,
    JournalError,
    Overtaken,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.pipeline import deliver, ingest, replay
from smartticket_daemon.polling import poll
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import START, UNSURE, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def settle(desk: Desk, rounds: int = 12) -> None:
    """Poll until nothing waits, moving the clock past every back-off and lease."""
    for _ in range(rounds):
        poll(desk.source())
        desk.clock.forward(hours=2)


# What becomes of a message


def test_a_confident_message_is_tagged_routed_and_answered_with_a_note(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.95", "I was charged twice.")
    assert ingest(desk.source()) == 1
    assert desk.ledger() == {"seen": 1, "pending": 1}
    assert desk.tags(ticket) == set()
    assert deliver(desk.source()) == 1
    sight = desk.remote.look(ticket)
    assert (set(sight.tags), sight.group, len(sight.notes)) == ({"category__billing"}, "Billing", 1)
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_a_second_round_changes_nothing(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.95", "I was charged twice.")
    poll(desk.source())
    before, calls = desk.remote.look(ticket), dict(desk.remote.calls)
    assert (ingest(desk.source()), deliver(desk.source())) == (0, 0)
    assert desk.remote.look(ticket) == before
    assert desk.remote.calls == calls


def test_the_receipt_tells_what_was_changed(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.95", "I was charged twice.")
    poll(desk.source())
    (record,) = desk.journal.find(ticket)
    assert record.receipt.tags == ("category__billing",)
    assert record.receipt.route == "Billing"
    assert record.receipt.note_id in desk.remote.tickets[ticket].notes
    assert (record.decision.category, record.model) == ("billing", "0" * 64)


def test_observing_changes_nothing_at_the_remote(desk: Desk) -> None:
    sure = desk.remote.deliver("billing 0.95", "I was charged twice.")
    unsure = desk.remote.deliver("billing 0.1", "Hm.")
    poll(desk.source(Mode.OBSERVE))
    assert (desk.tags(sure), desk.tags(unsure), desk.notes(sure)) == (set(), set(), 0)
    assert desk.ledger() == {"seen": 2, "observed": 1, "abstained": 1}


def test_tag_mode_writes_no_note(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.95", "I was charged twice.")
    poll(desk.source(Mode.TAG))
    sight = desk.remote.look(ticket)
    assert (set(sight.tags), sight.group, sight.notes) == ({"category__billing"}, "Billing", ())


def test_abstaining_sets_the_unsure_tag_alone(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.5", "Hm.")
    poll(desk.source())
    sight = desk.remote.look(ticket)
    assert (set(sight.tags), sight.group, sight.notes) == ({UNSURE}, None, ())
    assert desk.ledger() == {"seen": 1, "abstained": 1}


def test_without_an_unsure_tag_abstaining_leaves_the_ticket_untouched(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing 0.5", "Hm.")
    poll(desk.source(unsure_tag=""))
    assert desk.tags(ticket) == set()
    assert desk.ledger() == {"seen": 1, "abstained": 1}
    assert {"tags", "route", "note"}.isdisjoint(desk.remote.calls)


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("own_note", {"author": Author.OURSELVES}),
        ("agent", {"author": Author.AGENT}),
        ("answered", {"answered": True}),
        ("auto_reply", {"headers": (("auto-submitted", "auto-replied"),)}),
        ("bounce", {"headers": (("return-path", "<>"),)}),
        ("bounce", {"marks": frozenset({"bounce"})}),
        ("list", {"headers": (("list-id", "<news.example>"),)}),
        ("own_address", {"sender": "support@our.example"}),
        ("follow_up", {"follow_up": True}),
        ("empty", {"subject": "", "body": ""}),
        ("before_start", {"created": START - timedelta(days=40)}),
        ("too_old", {"created": START - timedelta(days=8)}),
    ],
)
def test_every_reason_to_skip_reaches_the_ledger(tmp_path: Path, reason: str, fields: dict[str, Any]) -> None:
    desk = Desk(tmp_path, max_age=timedelta(days=7))
    desk.rules["start"] = START - timedelta(days=30)
    ticket = desk.remote.deliver(**{"subject": "billing 0.95", "body": "Twice.", **fields})
    poll(desk.source())
    assert desk.reasons() == {reason: 1}
    assert desk.ledger() == {"seen": 1, "skipped": 1}
    assert desk.remote.look(ticket).notes == ()
    assert {"tags", "route", "note"}.isdisjoint(desk.remote.calls)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OPEN])
def test_tickets_that_are_done_are_skipped_by_their_state(desk: Desk, status: Status) -> None:
    desk.remote.agent_closes(desk.remote.deliver("billing", "Twice."), status)
    poll(desk.source())
    assert desk.reasons() == {status.value: 1}


@pytest.mark.parametrize("tag", ["category__billing", "Category__Technical_Issue"])
def test_a_persons_category_is_left_alone(desk: Desk, tag: str) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.agent_tags(ticket, tag)
    poll(desk.source())
    assert desk.reasons() == {"human_decided": 1}
    assert desk.tags(ticket) == {tag}


def test_a_persons_group_is_left_alone(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.agent_routes(ticket, "Legal")
    poll(desk.source())
    assert (desk.reasons(), desk.remote.look(ticket).group) == ({"human_decided": 1}, "Legal")


# Conversations


def test_an_answer_is_a_follow_up_in_the_same_batch(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.deliver("Re: billing", "Any news?", answers=("M1",))
    poll(desk.source())
    assert desk.ledger() == {"seen": 2, "applied": 1, "skipped": 1}
    assert desk.reasons() == {"follow_up": 1}


def test_an_answer_is_a_follow_up_in_a_later_poll(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    poll(desk.source())
    desk.remote.deliver("Re: billing", "Any news?", answers=("M1",))
    poll(desk.source())
    assert desk.reasons() == {"follow_up": 1}


def test_an_answer_to_our_own_note_is_a_follow_up(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    poll(desk.source())
    (note,) = desk.remote.tickets[ticket].notes
    desk.remote.deliver("Re: billing", "Thank you.", answers=(note,))
    poll(desk.source())
    assert desk.reasons() == {"follow_up": 1}


def test_an_unknown_reference_does_not_make_a_follow_up(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.", answers=("somewhere else",))
    poll(desk.source())
    assert desk.ledger() == {"seen": 1, "applied": 1}


@pytest.mark.parametrize("known", [False, True])
def test_a_message_that_names_itself_is_triaged(desk: Desk, known: bool) -> None:
    ticket = desk.remote.deliver("billing" if not known else "poison", "Twice.", answers=("M1",))
    poll(desk.source())
    if known:
        desk.remote.tickets[ticket].messages[0] = replace(
            desk.remote.tickets[ticket].messages[0], subject="billing"
        )
        (item,) = desk.journal.quarantined("support")
        assert replay(desk.source(), item)
        poll(desk.source())
    assert desk.ledger() == {"seen": 1, "applied": 1}


# A person gets in between


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda remote, ticket: remote.agent_closes(ticket), "closed"),
        (lambda remote, ticket: remote.agent_closes(ticket, Status.SOLVED), "solved"),
        (lambda remote, ticket: remote.agent_answers(ticket), "answered"),
        (lambda remote, ticket: remote.agent_tags(ticket, "category__technical_issue"), "human_decided"),
        (lambda remote, ticket: remote.agent_routes(ticket, "Legal"), "human_decided"),
        (lambda remote, ticket: remote.delete(ticket), "deleted"),
    ],
)
def test_what_a_person_does_between_reading_and_writing_wins(
    desk: Desk, act: Callable[..., None], reason: str
) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    ingest(desk.source())
    act(desk.remote, ticket)
    before = desk.remote.look(ticket)
    deliver(desk.source())
    assert desk.remote.look(ticket) == before
    assert desk.reasons() == {reason: 1}
    assert desk.ledger() == {"seen": 1, "skipped": 1}


def test_a_note_that_stands_is_not_forgotten_when_a_person_comes_after_it(desk: Desk) -> None:
    """The note was written, its answer lost, then a person closed the ticket."""
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("note", TransientError("the line broke"), after=True)
    poll(desk.source())
    desk.remote.agent_closes(ticket)
    settle(desk)
    (record,) = desk.journal.find(ticket)
    assert (record.state, desk.notes(ticket)) == (State.APPLIED, 1)
    assert record.receipt.note_id in desk.remote.tickets[ticket].notes


# Trouble with one message


def test_a_poison_message_never_stops_the_others(desk: Desk) -> None:
    for n, subject in enumerate(["billing", "poison", "technical_issue", "poison", "billing 0.1"]):
        desk.remote.deliver(subject, f"Text {n}")
    poll(desk.source())
    assert desk.ledger() == {"seen": 5, "applied": 2, "abstained": 1, "quarantined": 2}
    assert {item.reason for item in desk.journal.quarantined()} == {"cannot_classify"}


class WithUnreadable(InMemoryConnector):
    """Finds the second message of every batch unreadable."""

    def fetch(self, cursor: Any) -> Any:
        for batch in super().fetch(cursor):
            bad = tuple(Unreadable(m.ref, "too_deep") for m in batch.messages[1:2])
            yield Batch(batch.messages[:1] + batch.messages[2:], batch.cursor, bad)


def test_an_unreadable_message_is_quarantined_and_can_be_read_again(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(2)]
    poll(desk.source(connector=WithUnreadable("support", desk.settings)))
    assert desk.ledger() == {"seen": 2, "applied": 1, "quarantined": 1}
    (item,) = desk.journal.quarantined()
    assert item.reason == "too_deep"
    assert replay(desk.source(), item)
    assert desk.ledger() == {"seen": 2, "applied": 1, "pending": 1}
    poll(desk.source())
    assert desk.ledger() == {"seen": 2, "applied": 2}
    assert [desk.notes(t) for t in tickets] == [1, 1]


def test_rejected_work_is_quarantined_at_once_and_can_be_replayed(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    desk.remote.fail("tags", RejectedError("the field is locked"))
    poll(desk.source())
    assert desk.ledger() == {"seen": 3, "applied": 2, "quarantined": 1}
    (item,) = desk.journal.quarantined()
    assert item.reason == "the field is locked"
    assert replay(desk.source(), item)
    poll(desk.source())
    assert desk.ledger() == {"seen": 3, "applied": 3}
    assert [desk.notes(t) for t in tickets] == [1, 1, 1]


def test_a_replay_follows_the_settings_of_today(desk: Desk) -> None:
    """A route that nobody can use is mended in the settings; what was done before it is not done again."""
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("route", RejectedError("no such group"))
    poll(desk.source())
    (item,) = desk.journal.quarantined()
    mended = desk.source()
    categories = dict(mended.judge.policy.categories)
    categories["billing"] = replace(categories["billing"], route="Accounts")
    policy = replace(mended.judge.policy, categories=categories)
    mended = replace(mended, judge=replace(mended.judge, policy=policy))
    assert replay(mended, item)
    poll(mended)
    assert desk.ledger() == {"seen": 1, "applied": 1}
    assert desk.remote.look(ticket).group == "Accounts"
    assert (desk.notes(ticket), desk.tags(ticket)) == (1, {"category__billing"})


def test_a_replay_of_what_is_gone_falls_back_on_the_plan_and_is_skipped(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", RejectedError("the field is locked"))
    poll(desk.source())
    (item,) = desk.journal.quarantined()
    desk.remote.delete(ticket)
    assert replay(desk.source(), item)
    poll(desk.source())
    assert desk.reasons() == {"deleted": 1}


@pytest.mark.parametrize("error", [TransientError("try later"), ValueError("a customer's words")])
def test_failing_work_is_tried_again_with_growing_waits_then_quarantined(
    desk: Desk, error: Exception
) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", error, times=99)
    waits = []
    for attempt in range(1, 6):
        poll(desk.source())
        assert desk.remote.calls["tags"] == attempt
        for _ in range(10_000):
            if desk.ledger().get("quarantined") or desk.journal.due("support", desk.clock()):
                break
            desk.clock.forward(seconds=15)
        waits.append(desk.clock.now)
    assert desk.ledger() == {"seen": 1, "quarantined": 1}
    gaps = [(later - earlier).total_seconds() for earlier, later in zip([START, *waits], waits, strict=False)]
    assert gaps == [30, 60, 120, 240, 0]
    (item,) = desk.journal.quarantined()
    assert "customer" not in item.reason


def test_a_message_that_always_fails_comes_after_those_that_never_did(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.", created=START - timedelta(hours=1))
    desk.remote.fail("tags", Unreachable("no answer to this one"))
    assert poll(desk.source()) == Unreachable.exit_code
    others = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    desk.clock.forward(minutes=5)
    desk.remote.fail("applied", Unreachable("no answer to this one"))
    assert poll(desk.source()) == Unreachable.exit_code
    assert [desk.notes(ticket) for ticket in others] == [1, 1, 1]
    assert desk.ledger() == {"seen": 4, "applied": 3, "pending": 1}


def test_a_wait_of_nothing_does_not_burn_the_attempts(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", TransientError("at once", retry_after=0), times=3)
    poll(desk.source())
    assert desk.remote.calls["tags"] == 1
    assert desk.ledger() == {"seen": 1, "pending": 1}


# Trouble with the source


def test_an_outage_neither_quarantines_healthy_work_nor_costs_it_attempts(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    ingest(desk.source())
    desk.remote.fail("check", Unreachable("no route to host"), times=40)
    desk.remote.fail("tags", Unreachable("no route to host"), times=40)
    for _ in range(40):
        with pytest.raises(Unreachable):
            deliver(desk.source())
        desk.clock.forward(minutes=1)
    assert desk.ledger() == {"seen": 3, "pending": 3}
    assert [desk.journal.find(ticket)[0].attempts for ticket in tickets] == [0, 0, 0]
    settle(desk, rounds=1)
    assert desk.ledger() == {"seen": 3, "applied": 3}


@pytest.mark.parametrize(
    "error", [RateLimited("slow down", retry_after=60), AccessDenied("the password is wrong")]
)
def test_limits_and_refusals_cost_no_attempts(desk: Desk, error: SmartTicketError) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    ingest(desk.source())
    desk.remote.fail("tags", error, times=20)
    for _ in range(20):
        with pytest.raises(type(error)):
            deliver(desk.source())
        desk.clock.forward(minutes=2)
    assert desk.journal.find(ticket)[0].attempts == 0
    settle(desk, rounds=1)
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_a_message_that_silences_the_source_again_and_again_is_quarantined(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", Unreachable("no answer to this one"), times=99)
    settle(desk)
    assert desk.ledger() == {"seen": 1, "quarantined": 1}
    assert desk.remote.calls["tags"] == 5


def test_after_an_outage_that_hid_an_answer_the_note_is_looked_up(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    ingest(desk.source())
    desk.remote.fail("note", Unreachable("the line broke"), after=True)
    desk.remote.fail("check", Unreachable("no route to host"))
    with pytest.raises(Unreachable):
        deliver(desk.source())
    assert desk.journal.find(ticket)[0].attempts == 0
    settle(desk, rounds=1)
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 1, "applied": 1}, 1)


@pytest.mark.parametrize("step", ["tags", "route", "note"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "error", [TransientError("the line broke"), Unreachable("no answer"), OSError("foreign")]
)
def test_a_lost_answer_never_makes_a_second_note(
    desk: Desk, step: str, after: bool, error: Exception
) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail(step, error, after=after)
    settle(desk, rounds=2)
    assert (desk.tags(ticket), desk.notes(ticket)) == ({"category__billing"}, 1)
    assert desk.remote.look(ticket).group == "Billing"
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_fifty_lost_answers_in_a_row_of_messages(desk: Desk) -> None:
    for n in range(50):
        desk.remote.deliver("billing", f"Text {n}")
        desk.remote.fail("note", TransientError("the line broke"), after=True)
    settle(desk, rounds=2)
    assert desk.ledger() == {"seen": 50, "applied": 50}
    assert {desk.notes(f"T{n}") for n in range(1, 51)} == {1}


# The cursor


class Dies(BaseException):
    """The process ends here."""


class Mortal:
    """Passes everything on, and dies at a method's n-th call, before or after it took effect."""

    def __init__(self, inner: Any, method: str, call: int = 1, after: bool = False) -> None:
        self._inner, self._method, self._left, self._after = inner, method, call, after

    def __getattr__(self, name: str) -> Any:
        if name != self._method:
            return getattr(self._inner, name)

        def mortal(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Dies
            result = getattr(self._inner, name)(*args, **kwargs)
            if self._left == 0:
                raise Dies
            return result

        return mortal


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_the_cursor_never_leads(desk: Desk, call: int, after: bool) -> None:
    for n in range(6):
        desk.remote.deliver("billing", f"Text {n}")
    dying = replace(desk.source(), journal=Mortal(desk.journal, "record", call, after))
    with pytest.raises(Dies):
        poll(dying)
    assert desk.ledger().get("seen", 0) == 2 * (call - 1 + after)
    settle(desk, rounds=1)
    assert desk.ledger() == {"seen": 6, "applied": 6}
    assert all(desk.notes(f"T{n}") == 1 for n in range(1, 7))


@pytest.mark.parametrize("method", ["claim", "complete"])
@pytest.mark.parametrize("after", [False, True])
def test_dying_around_a_commit_loses_and_repeats_nothing(desk: Desk, method: str, after: bool) -> None:
    for n in range(3):
        desk.remote.deliver("billing", f"Text {n}")
    ingest(desk.source())
    with pytest.raises(Dies):
        deliver(replace(desk.source(), journal=Mortal(desk.journal, method, after=after)))
    desk.clock.forward(minutes=10)
    settle(desk, rounds=1)
    assert desk.ledger() == {"seen": 3, "applied": 3}
    assert all(desk.notes(f"T{n}") == 1 for n in range(1, 4))


def test_an_expired_cursor_starts_again_where_the_settings_say(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", "Twice.")]
    poll(desk.source())
    desk.remote.expire()
    tickets.append(desk.remote.deliver("billing", "Thrice."))
    assert poll(desk.source()) == 0
    assert desk.ledger() == {"seen": 2, "applied": 2}
    assert [desk.notes(ticket) for ticket in tickets] == [1, 1]


def test_from_now_on_means_that_what_is_there_is_left_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, start="now")
    old = desk.remote.deliver("billing", "Old.")
    poll(desk.source())
    new = desk.remote.deliver("billing", "New.")
    poll(desk.source())
    assert (desk.notes(old), desk.notes(new)) == (0, 1)
    assert desk.ledger() == {"seen": 1, "applied": 1}


# Looking before writing


def test_what_arrives_after_the_first_poll_is_written_without_looking(desk: Desk) -> None:
    desk.remote.deliver("billing", "Backlog.")
    poll(desk.source())
    assert desk.remote.calls["applied"] == 1
    desk.remote.deliver("billing", "News.")
    poll(desk.source())
    assert desk.remote.calls["applied"] == 1


def test_a_lost_journal_writes_no_second_note(desk: Desk) -> None:
    subjects = ["billing", "technical_issue", "billing 0.1", "poison", "refund_cancellation"]
    tickets = [desk.remote.deliver(subject, f"Text {n}") for n, subject in enumerate(subjects)]
    desk.remote.deliver_again(tickets[0])
    poll(desk.source())
    before = [desk.remote.look(ticket) for ticket in tickets]
    counts = desk.ledger()
    desk.journal = desk.open("another")
    poll(desk.source())
    assert [desk.remote.look(ticket) for ticket in tickets] == before
    assert desk.ledger() == counts


def test_a_journal_lost_between_write_and_receipt_writes_no_second_note(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    with pytest.raises(Dies):
        poll(replace(desk.source(), journal=Mortal(desk.journal, "complete")))
    desk.journal = desk.open("another")
    settle(desk, rounds=1)
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 1, "applied": 1}, 1)


class Forgetful(InMemoryConnector):
    """Cannot look one message up."""

    def applied(self, ref: Any, key: Any) -> Any:
        raise self.error

    error: SmartTicketError = RejectedError("no notes here")


@pytest.mark.parametrize("error", [RejectedError("no notes here"), Overtaken("deleted")])
def test_a_tag_that_cannot_be_proved_ours_counts_as_a_persons(desk: Desk, error: SmartTicketError) -> None:
    desk.remote.agent_tags(desk.remote.deliver("billing", "Twice."), "category__billing")
    connector = Forgetful("support", desk.settings)
    connector.error = error
    poll(desk.source(connector=connector))
    assert desk.reasons() == {"human_decided": 1}


# Stopping


def test_a_stop_between_actions_gives_the_rest_back_unharmed(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(5)]
    ingest(desk.source())
    asked = iter([False, False, False, True, True, True])
    assert deliver(desk.source(stopping=lambda: next(asked))) == 3
    assert desk.ledger() == {"seen": 5, "applied": 3, "pending": 2}
    assert sorted(desk.journal.find(ticket)[0].attempts for ticket in tickets) == [0, 0, 1, 1, 1]
    assert desk.journal.due("support", desk.clock()) == 2
    assert deliver(desk.source()) == 2


def test_a_stop_during_intake_ends_after_the_batch_and_goes_on_there(desk: Desk) -> None:
    for n in range(6):
        desk.remote.deliver("billing", f"Text {n}")
    assert ingest(desk.source(stopping=lambda: True)) == 2
    assert ingest(desk.source()) == 4
    assert desk.ledger() == {"seen": 6, "pending": 6}


def test_a_broken_journal_stops_everything(desk: Desk) -> None:
    class Full(Mortal):
        def __getattr__(self, name: str) -> Any:
            if name == "complete":
                raise JournalError("no space left")
            return super().__getattr__(name)

    ticket = desk.remote.deliver("billing", "Twice.")
    with pytest.raises(JournalError):
        poll(replace(desk.source(), journal=Full(desk.journal, "")))
    desk.clock.forward(minutes=10)
    settle(desk, rounds=1)
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 1, "applied": 1}, 1)
