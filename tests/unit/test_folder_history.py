"""Reading the past of a mailbox on disk: newest first, answers known as such, moves of our own harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartticket_connectors.folder import FolderConnector
from smartticket_daemon.domain import Cursor, Message, Triage
from smartticket_daemon.errors import CursorExpired
from tests.contract.mailboxes import INBOX, DiskMailbox, EmlMailbox, mail

ROUTE = Triage(route="Billing")


def connector(box: DiskMailbox, **settings: object) -> FolderConnector:
    return FolderConnector("desk", box.settings(**settings))


def subjects(found: FolderConnector, cursor: Cursor | None = None) -> list[str]:
    return [message.subject for batch in found.past(cursor, None) for message in batch.messages]


def conversation(box: DiskMailbox) -> None:
    """A question, another mail, and an answer to the first one, in this order."""
    first = mail("Question", "Why?")
    answer = mail("Re: Question", "And when?")
    answer["In-Reply-To"] = first["Message-ID"]
    stranger = mail("Re: something", "Thank you.")
    stranger["References"] = "<elsewhere@customer.example>"
    itself = mail("Odd", "I answer myself.")
    itself["References"] = itself["Message-ID"]
    for one in (first, stranger, itself, answer):
        box.put(INBOX, one)


def test_an_answer_is_known_as_one_before_its_question_is_met(box: DiskMailbox) -> None:
    conversation(box)
    found = {m.subject: m for batch in connector(box, batch=1).past(None, None) for m in batch.messages}
    assert [name for name, message in found.items() if message.follow_up] == ["Re: Question"]


def test_what_is_routed_between_two_batches_leaves_nothing_out(box: DiskMailbox) -> None:
    for n in range(9):
        box.deliver(f"Question {n}", "Why?")
    seen: list[Message] = []
    cursor: Cursor | None = None
    while batch := next(connector(box, batch=2).past(cursor, None), None):
        for message in batch.messages:
            connector(box).apply(message.ref, ROUTE, message.ref.key)
        seen += batch.messages
        cursor = batch.cursor
    assert [m.subject for m in seen] == [f"Question {n}" for n in range(8, -1, -1)]


def test_one_walk_may_route_what_it_has_yielded(box: DiskMailbox) -> None:
    for n in range(9):
        box.deliver(f"Question {n}", "Why?")
    walker = connector(box, batch=2)
    seen = []
    for batch in walker.past(None, None):
        seen += [message.subject for message in batch.messages]
        for message in batch.messages:
            walker.apply(message.ref, ROUTE, message.ref.key)
    assert seen == [f"Question {n}" for n in range(8, -1, -1)]


def test_where_all_that_marked_the_end_is_gone_nothing_is_left_out(box: DiskMailbox) -> None:
    names = [box.deliver(f"Question {n}", "Why?") for n in range(20)]
    batch = next(connector(box, batch=5).past(None, None))
    for name in names[3:15]:
        box.delete(name)
    rest = subjects(connector(box), batch.cursor)
    assert rest[-3:] == ["Question 2", "Question 1", "Question 0"]
    assert len(rest) == len(set(rest))


def test_a_cursor_of_the_polls_is_none_of_the_past(box: DiskMailbox) -> None:
    box.deliver("Question", "Why?")
    found = connector(box)
    polled = [batch.cursor for batch in found.fetch(None)][-1]
    walked = [batch.cursor for batch in found.past(None, None)][-1]
    with pytest.raises(CursorExpired):
        list(found.past(polled, None))
    with pytest.raises(CursorExpired):
        list(found.fetch(walked))


def test_the_extent_counts_what_is_young_enough(box: DiskMailbox) -> None:
    for n in range(7):
        box.deliver(f"Question {n}", "Why?")
    assert connector(box).extent(None).tickets == 7
    assert connector(box).extent(datetime(2020, 1, 1, tzinfo=UTC)).tickets == 7
    assert connector(box).extent(datetime(2100, 1, 1, tzinfo=UTC)).tickets == 0


def test_one_that_cannot_be_read_is_told_and_the_others_go_on(eml: Path) -> None:
    box = EmlMailbox(eml)
    tickets = [box.deliver(f"Question {n}", "Why?") for n in range(3)]
    box.agent_tags(tickets[1], "vip")
    (box.records / f"{tickets[1]}.json").write_text("damaged")
    batches = list(connector(box).past(None, None))
    assert sum(len(batch.messages) for batch in batches) == 2
    assert [bad.ref.ticket for batch in batches for bad in batch.unreadable] == [tickets[1]]
