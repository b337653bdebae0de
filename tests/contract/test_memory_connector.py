"""The connector in memory keeps the contract, also in every gap between two of its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smartticket_daemon.domain import Cursor, Triage
from smartticket_daemon.errors import CursorExpired, TransientError, Unreachable
from smartticket_daemon.ports import Connector
from smartticket_daemon.testing import (
    ConnectorContract,
    InMemoryConnector,
    InMemoryRemote,
    InMemorySettings,
    Remote,
)
from smartticket_daemon.testing.remote import Connect
from smartticket_daemon.testing.steps import carry_out, deliver, fetch, one, tickets


class Harness(InMemoryRemote):
    connector: type[Connector] = InMemoryConnector
    can = frozenset({"close", "answer", "decide", "retract"})
    groups = ("Billing", "Complaints")

    def settings(self, start: str = "all") -> InMemorySettings:
        return InMemorySettings.model_validate({"remote": self, "start": start})

    def wrong_settings(self) -> InMemorySettings:
        return InMemorySettings(remote=self, password="guessed")

    def public(self) -> int:
        """Nothing here can be written for a customer but by hand."""
        return 0


class TestInMemoryConnector(ConnectorContract):
    @pytest.fixture
    def remote(self) -> Harness:
        return Harness()

    @pytest.mark.parametrize("step", ["tags", "route", "note"])
    @pytest.mark.parametrize("after", [False, True])
    def test_trouble_in_any_gap_leaves_one_note(
        self, remote: Harness, connect: Connect, plan: Triage, step: str, after: bool
    ) -> None:
        ref = one(remote, connect)
        remote.fail(step, Unreachable("cut off"), after=after)
        with pytest.raises(TransientError):
            connect().apply(ref, plan, ref.key)
        carry_out(connect(), ref, plan)
        sight = remote.look(ref.ticket)
        assert (sight.tags, sight.group, len(sight.notes)) == (frozenset(plan.tags), plan.route, 1)

    def test_without_a_look_a_second_attempt_writes_twice(
        self, remote: Harness, connect: Connect, plan: Triage
    ) -> None:
        ref = one(remote, connect)
        for _ in range(2):
            connect().apply(ref, plan, ref.key)
        assert len(remote.look(ref.ticket).notes) == 2

    def test_faults_strike_as_often_as_ordered(self, remote: Harness, connect: Connect) -> None:
        ref = one(remote, connect)
        remote.fail("read", Unreachable("cut off"), times=2)
        for _ in range(2):
            with pytest.raises(Unreachable):
                connect().read(ref)
        assert connect().read(ref).ref == ref
        assert remote.calls["read"] == 3

    def test_expired_cursors_and_positions_are_renumbered(self, remote: Harness, connect: Connect) -> None:
        names = deliver(remote, 3)
        messages, cursor = fetch(connect(), None)
        remote.expire()
        with pytest.raises(CursorExpired):
            list(connect().fetch(Cursor(str(cursor))))
        again, _ = fetch(connect(), None)
        assert tickets(again) == names
        assert [m.ref.key for m in again] == [m.ref.key for m in messages]
        assert all(a.ref.position != m.ref.position for a, m in zip(again, messages, strict=True))
        assert not any(state.exists for state in connect().current([m.ref for m in messages]))

    def test_a_second_delivery_has_a_position_of_its_own(self, remote: Harness, connect: Connect) -> None:
        name = remote.deliver("Hello", "Once")
        remote.deliver_again(name)
        first, second = fetch(connect(), None)[0]
        assert first.ref.key == second.ref.key
        assert first.ref.position != second.ref.position

    def test_start_at_a_date_leaves_out_what_is_older(self, remote: Harness) -> None:
        start = datetime(2026, 11, 1, tzinfo=UTC)
        remote.deliver("Old", "text", created=start - timedelta(seconds=1))
        new = remote.deliver("New", "text", created=start)
        connector = InMemoryConnector("memory", InMemorySettings(remote=remote, start=start))
        assert tickets(fetch(connector, None)[0]) == [new]


def test_the_harness_fits_its_protocol() -> None:
    remote: Remote = Harness()
    assert remote.connector is InMemoryConnector
