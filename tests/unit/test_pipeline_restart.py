"""A pipeline that dies, is stopped, or lost its journal goes on where it was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.errors import JournalError, Overtaken, RejectedError, SmartTicketError
from smartticket_daemon.pipeline import deliver, ingest
from smartticket_daemon.polling import poll
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import Desk, settle

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
