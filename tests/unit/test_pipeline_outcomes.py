"""What ingest() and deliver() make of messages: in-memory remote, real journal, balanced at every call."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Mode, State, Status
from smartticket_daemon.errors import TransientError
from smartticket_daemon.pipeline import deliver, ingest
from smartticket_daemon.polling import poll
from smartticket_daemon.replaying import replay
from tests.desk import START, UNSURE, Desk, settle

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
