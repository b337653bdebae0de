"""Which messages are new, which came back, which were delivered twice; with the real journal."""

from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Batch, Cursor, MessageRef, Unreadable
from smartticket_daemon.errors import TransientError
from smartticket_daemon.pipeline import ingest
from smartticket_daemon.polling import poll
from smartticket_daemon.recognise import recognise
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import Desk


def leave_and_return(desk: Desk, ticket: str) -> None:
    """Somebody moves a mail away and back: its old position is empty, it arrives at a new one."""
    for arrival in desk.remote.arrivals:
        if arrival.ticket == ticket:
            arrival.place = desk.remote.serial()
    desk.remote.deliver_again(ticket)


def test_a_second_delivery_is_a_duplicate(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    poll(desk.source())
    desk.remote.deliver_again(ticket)
    poll(desk.source())
    poll(desk.source())
    assert desk.ledger() == {"seen": 2, "applied": 1, "skipped": 1}
    assert desk.reasons() == {"duplicate": 1}
    assert desk.notes(ticket) == 1


@pytest.mark.parametrize("batch", [1, 2, 3, 50])
def test_deliveries_in_one_batch_and_across_batches_are_duplicates_of_the_first(
    tmp_path: Path, batch: int
) -> None:
    desk = Desk(tmp_path)
    desk.settings = desk.settings.model_copy(update={"batch": batch})
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    desk.remote.deliver_again(ticket)
    desk.remote.deliver_again(ticket)
    poll(desk.source())
    assert desk.ledger() == {"seen": 3, "applied": 1, "skipped": 2}
    assert desk.notes(ticket) == 1


def test_a_message_moved_away_and_back_is_not_counted_again(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    poll(desk.source())
    for _ in range(3):
        leave_and_return(desk, ticket)
        poll(desk.source())
    assert desk.ledger() == {"seen": 1, "applied": 1}
    assert desk.notes(ticket) == 1


def test_a_message_that_comes_back_before_it_was_delivered_is_found_at_its_new_place(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    ingest(desk.source())
    leave_and_return(desk, ticket)
    poll(desk.source())
    (record,) = desk.journal.find(ticket)
    assert record.ref.position == desk.remote.position(desk.remote.arrivals[-1])
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 1, "applied": 1}, 1)


def test_a_message_that_we_moved_without_noting_it_is_not_taken_for_gone(desk: Desk) -> None:
    """Its answer was lost after the move; then a second copy arrives where it lay."""
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("note", TransientError("the line broke"), after=True)
    poll(desk.source())
    desk.remote.deliver_again(ticket)
    ingest(desk.source())
    assert desk.reasons() == {"duplicate": 1}
    desk.clock.forward(minutes=5)
    poll(desk.source())
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 2, "applied": 1, "skipped": 1}, 1)


def test_a_renumbered_mailbox_with_two_copies_counts_nothing_again(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    other = desk.remote.deliver("technical_issue", "It broke too.")
    desk.remote.deliver_again(ticket)
    poll(desk.source())
    before = desk.ledger()
    assert before == {"seen": 3, "applied": 2, "skipped": 1}
    for _ in range(2):
        desk.remote.expire()
        poll(desk.source())
        assert desk.ledger() == before
    assert (desk.notes(ticket), desk.notes(other)) == (1, 1)


def test_a_copy_that_arrives_after_renumbering_is_a_duplicate(desk: Desk) -> None:
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    poll(desk.source())
    desk.remote.expire()
    desk.remote.deliver_again(ticket)
    poll(desk.source())
    assert desk.ledger() == {"seen": 2, "applied": 1, "skipped": 1}


def test_positions_are_asked_for_only_where_they_differ(desk: Desk) -> None:
    for n in range(5):
        desk.remote.deliver("technical_issue", f"It broke {n} times.")
    poll(desk.source())
    poll(desk.source())
    assert "current" not in desk.remote.calls


class WithoutState:
    """A connector that cannot report what became of a message."""

    def __init__(self, inner: InMemoryConnector) -> None:
        self.fetch, self.apply, self.applied = inner.fetch, inner.apply, inner.applied
        self.check, self.close = inner.check, inner.close


def test_without_reports_of_state_a_reappearance_is_the_message_we_know(desk: Desk) -> None:
    connector: Any = WithoutState(InMemoryConnector("support", desk.settings))
    ticket = desk.remote.deliver("technical_issue", "It broke.")
    poll(desk.source(connector=connector))
    desk.remote.deliver_again(ticket)
    poll(desk.source(connector=connector))
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_the_same_place_twice_in_one_batch_is_one_message(desk: Desk) -> None:
    desk.remote.deliver("technical_issue", "It broke.")
    connector = InMemoryConnector("support", desk.settings)
    (batch,) = connector.fetch(None)
    seen = recognise("support", Batch(batch.messages * 3, batch.cursor), connector, desk.journal)
    assert (len(seen.fresh), seen.duplicates) == (1, ())


def test_an_unreadable_message_is_counted_once(desk: Desk) -> None:
    connector = InMemoryConnector("support", desk.settings)
    bad = Unreadable(MessageRef("support", "T9", "M9", "1:9"), "too_deep")
    batch = Batch((), Cursor("1:0"), (bad, bad))
    assert recognise("support", batch, connector, desk.journal).unreadable == (bad,)
