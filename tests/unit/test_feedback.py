"""Looking again at what was triaged: when, how often, and what trouble does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from smartticket_daemon.domain import MessageRef, Opinion, RemoteState, Status
from smartticket_daemon.errors import AccessDenied, JournalError, NoRoom, RateLimited
from smartticket_daemon.feedback import Looking, Rounds, look_again
from smartticket_daemon.runner import run_once
from smartticket_daemon.testing import InMemoryConnector
from tests.agents import retag, triaged
from tests.desk import UNSURE, Desk

HOUR = Looking()


def opinions(desk: Desk) -> dict[str, tuple[Opinion, str | None]]:
    found = [(j.record.ref.ticket, j.feedback) for j in desk.journal.feedback()]
    return {ticket: (seen.opinion, seen.label) for ticket, seen in found}


def looks(desk: Desk) -> int:
    return desk.remote.calls.get("current", 0)


def test_agents_opinions_are_kept(desk: Desk) -> None:
    names = "technical_issue 0.9", "technical_issue 0.9", "technical_issue 0.9", "technical_issue 0.1"
    changed, removed, left, unsure = triaged(desk, *names)
    assert UNSURE in desk.tags(unsure)
    retag(desk, changed, "billing")
    retag(desk, removed)
    retag(desk, unsure, "refund_cancellation", "unsure")
    desk.remote.agent_closes(left, Status.SOLVED)
    assert look_again(desk.source(), HOUR) == 4
    assert opinions(desk) == {
        changed: (Opinion.CORRECTED, "billing"),
        removed: (Opinion.REJECTED, None),
        left: (Opinion.CONFIRMED, None),
        unsure: (Opinion.LABELLED, "refund_cancellation"),
    }


def test_our_own_writes_are_no_opinion(desk: Desk) -> None:
    triaged(desk, "technical_issue 0.9", "technical_issue 0.1", "billing 0.9")
    for _ in range(5):
        look_again(desk.source(), HOUR)
        desk.clock.forward(days=1)
    assert opinions(desk) == {}


def test_a_correction_of_a_correction_and_its_withdrawal(desk: Desk) -> None:
    (ticket,) = triaged(desk, "technical_issue 0.9")
    for tags, told in (
        (["billing"], (Opinion.CORRECTED, "billing")),
        (["refund_cancellation"], (Opinion.CORRECTED, "refund_cancellation")),
        ([], (Opinion.REJECTED, None)),
        (["technical_issue"], None),
    ):
        retag(desk, ticket, *tags)
        look_again(desk.source(), HOUR)
        assert opinions(desk).get(ticket) == told
        desk.clock.forward(hours=2)


def test_what_was_seen_outlives_the_ticket(desk: Desk) -> None:
    (ticket,) = triaged(desk, "technical_issue 0.9")
    retag(desk, ticket, "billing")
    look_again(desk.source(), HOUR)
    desk.remote.delete(ticket)
    desk.clock.forward(hours=2)
    assert look_again(desk.source(), HOUR) == 1
    assert opinions(desk) == {ticket: (Opinion.CORRECTED, "billing")}


def test_not_before_an_interval_and_not_after_max_age(desk: Desk) -> None:
    triaged(desk, "technical_issue 0.9")
    desk.clock.forward(seconds=-2)
    assert look_again(desk.source(), HOUR) == 0
    desk.clock.forward(days=30)
    assert look_again(desk.source(), HOUR) == 0


def test_a_month_costs_some_thirty_looks(desk: Desk) -> None:
    triaged(desk, "technical_issue 0.9")
    for _ in range(24 * 31):
        look_again(desk.source(), HOUR)
        desk.clock.forward(hours=1)
    assert 25 <= looks(desk) <= 35


def test_batches_reach_every_ticket_in_turn(desk: Desk) -> None:
    tickets = triaged(desk, *["technical_issue 0.9"] * 7)
    for ticket in tickets:
        retag(desk, ticket, "billing")
    assert [look_again(desk.source(), HOUR, at_once=3) for _ in range(4)] == [3, 3, 1, 0]
    assert len(opinions(desk)) == 7


def test_an_undone_change_is_not_looked_at(desk: Desk) -> None:
    triaged(desk, "technical_issue 0.9")
    (record,) = desk.journal.delivered()
    desk.journal.undone(record.key, desk.clock())
    assert look_again(desk.source(), HOUR) == 0


class Mute:
    """A connector without the capability FEEDBACK."""

    def __init__(self, connector: InMemoryConnector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        if name == "current":
            raise AttributeError(name)
        return getattr(self._connector, name)


def test_a_connector_that_cannot_report_is_left_alone(desk: Desk) -> None:
    triaged(desk, "technical_issue 0.9")
    mute = Mute(InMemoryConnector("support", desk.settings))
    assert look_again(desk.source(connector=mute), HOUR) == 0


class TestRounds:
    """A look comes after a round with nothing left to do, and never costs more than itself."""

    def test_one_batch_after_a_quiet_round(self, desk: Desk) -> None:
        (ticket,) = triaged(desk, "technical_issue 0.9")
        retag(desk, ticket, "billing")
        assert run_once([desk.source()], Rounds(HOUR)) == 0
        assert opinions(desk) == {ticket: (Opinion.CORRECTED, "billing")}
        assert run_once([desk.source()], Rounds(HOUR)) == 0
        assert looks(desk) == 1

    def test_deliveries_come_first(self, desk: Desk) -> None:
        triaged(desk, "technical_issue 0.9")
        desk.remote.deliver("technical_issue 0.9", "Another.")
        desk.remote.fail("tags", RateLimited("slow down", 60.0))
        assert run_once([desk.source()], Rounds(HOUR)) == 75
        assert looks(desk) == 0
        desk.clock.forward(seconds=61)
        assert run_once([desk.source()], Rounds(HOUR)) == 0
        assert looks(desk) == 1

    def test_a_failing_source_is_not_looked_at(self, desk: Desk) -> None:
        triaged(desk, "technical_issue 0.9")
        rounds = Rounds(HOUR, lambda _: 69)
        assert rounds(desk.source()) == 69
        assert looks(desk) == 0

    def test_a_rate_limit_holds_for_the_next_round_too(self, desk: Desk) -> None:
        triaged(desk, "technical_issue 0.9", "technical_issue 0.9")
        desk.remote.fail("current", RateLimited("slow down", 600.0))
        rounds = Rounds(HOUR)
        assert rounds(desk.source()) == 0
        assert desk.journal.health("support").not_before == desk.clock() + timedelta(seconds=600)
        assert (rounds(desk.source()), looks(desk)) == (75, 1)
        desk.clock.forward(seconds=601)
        assert (rounds(desk.source()), looks(desk)) == (0, 3)

    def test_no_room_in_our_budget_is_no_trouble(self, desk: Desk) -> None:
        triaged(desk, "technical_issue 0.9")
        desk.remote.fail("current", NoRoom("our share is used up", 30.0))
        assert Rounds(HOUR)(desk.source()) == 0
        assert desk.journal.health("support").not_before is None

    @pytest.mark.parametrize("error", [AccessDenied("no right to see that"), ZeroDivisionError()])
    def test_trouble_with_looking_is_not_the_rounds(self, desk: Desk, error: Exception) -> None:
        triaged(desk, "technical_issue 0.9")
        desk.remote.fail("current", error)
        rounds = Rounds(HOUR)
        assert (rounds(desk.source()), looks(desk)) == (0, 1)
        assert desk.journal.health("support").failing_since is None
        assert (rounds(desk.source()), looks(desk)) == (0, 1)
        desk.clock.forward(hours=1)
        assert (rounds(desk.source()), looks(desk)) == (0, 2)

    def test_what_was_told_before_the_trouble_is_kept(self, desk: Desk) -> None:
        first, second = triaged(desk, "technical_issue 0.9", "technical_issue 0.9")
        retag(desk, first, "billing")
        retag(desk, second, "billing")

        class Breaks(InMemoryConnector):
            def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
                yield next(iter(super().current(refs)))
                raise RateLimited("slow down", 60.0)

        source = desk.source(connector=Breaks("support", desk.settings))
        assert Rounds(HOUR)(source) == 0
        assert list(opinions(desk)) == [first]

    def test_a_broken_journal_ends_it(self, desk: Desk) -> None:
        triaged(desk, "technical_issue 0.9")
        desk.remote.fail("current", JournalError("the disk is full"))
        with pytest.raises(JournalError):
            Rounds(HOUR)(desk.source())
