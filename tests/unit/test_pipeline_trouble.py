"""Messages and sources in trouble: no healthy work is harmed, no note is written twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from smartticket_daemon.domain import Batch, Unreadable
from smartticket_daemon.errors import (
    AccessDenied,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.pipeline import deliver, ingest
from smartticket_daemon.polling import poll
from smartticket_daemon.replaying import replay
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import START, Desk, settle

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
    assert poll(desk.source()) == TransientError.exit_code
    others = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    desk.clock.forward(minutes=5)
    desk.remote.fail("applied", Unreachable("no answer to this one"))
    assert poll(desk.source()) == TransientError.exit_code
    assert [desk.notes(ticket) for ticket in others] == [1, 1, 1]
    assert desk.ledger() == {"seen": 4, "applied": 3, "pending": 1}


def test_one_broken_connection_does_not_hold_up_the_round(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    desk.remote.fail("tags", Unreachable("no answer to this one"))
    assert poll(desk.source()) == TransientError.exit_code
    assert sum(desk.notes(ticket) for ticket in tickets) == 2
    assert desk.journal.health("support").failing_since is None
    desk.clock.forward(minutes=5)
    assert poll(desk.source()) == 0
    assert [desk.notes(ticket) for ticket in tickets] == [1, 1, 1]


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
