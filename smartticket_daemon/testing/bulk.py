"""The part of ConnectorContract about tagging many tickets at once: capability BULK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from smartticket_daemon.domain import Capability, Key, MessageRef, Receipt, Triage
from smartticket_daemon.errors import Overtaken
from smartticket_daemon.ports import AppliesMany
from smartticket_daemon.testing.remote import Connect, Remote
from smartticket_daemon.testing.steps import TAG, act, at, carry_out, messages_of, undoer

PLAN = Triage((TAG, "urgent"))
OTHER = Triage(("category__technical_issue",))


def bulk_writer(connect: Connect) -> Any:
    """A connector with the capability, or a skip by name."""
    connector = connect()
    if Capability.BULK not in connector.capabilities:
        pytest.skip(f"{connector.kind} has no bulk")
    assert isinstance(connector, AppliesMany)
    return connector


def tag_all(connector: AppliesMany, refs: Sequence[MessageRef], *plans: Triage) -> dict[Key, Any]:
    """Carry out the plans in turn on these messages; what became of each, exactly once each."""
    work = [(ref, plans[n % len(plans)], ref.key) for n, ref in enumerate(refs)]
    outcomes = list(connector.apply_many(work))
    assert sorted(key for key, _ in outcomes) == sorted(ref.key for ref in refs)
    return dict(outcomes)


class BulkContract:
    """apply_many: as `apply` with tags alone, many at once."""

    def test_many_are_tagged_and_nothing_else_happens(self, remote: Remote, connect: Connect) -> None:
        connector = bulk_writer(connect)
        refs = messages_of(remote, connect, 5)
        remote.agent_tags(refs[0].ticket, "vip", "urgent")
        before = [remote.look(ref.ticket) for ref in refs]
        outcomes = tag_all(connector, refs, PLAN, OTHER)
        for n, (ref, was) in enumerate(zip(refs, before, strict=True)):
            plan, sight = (PLAN, OTHER)[n % 2], remote.look(ref.ticket)
            assert sight.tags == was.tags | set(plan.tags)
            assert (sight.group, sight.notes, sight.marks) == (was.group, was.notes, was.marks)
            assert set(outcomes[ref.key].tags) == set(plan.tags) - was.tags
            assert outcomes[ref.key].note_id is None

    def test_no_work_is_no_outcome(self, connect: Connect) -> None:
        assert tag_all(bulk_writer(connect), [], PLAN) == {}

    @pytest.mark.parametrize("deed", ["close", "answer", "decide", "delete"])
    def test_each_person_who_got_there_first_wins(self, remote: Remote, connect: Connect, deed: str) -> None:
        connector = bulk_writer(connect)
        if deed not in remote.can | {"delete"}:
            pytest.skip(f"{remote.connector.kind}: nobody can {deed} there")
        ours, theirs, later = messages_of(remote, connect, 3)
        act(remote, deed, theirs.ticket)
        before = remote.look(theirs.ticket)
        outcomes = tag_all(connector, [ours, theirs, later], PLAN)
        assert isinstance(outcomes[theirs.key], Overtaken)
        assert remote.look(theirs.ticket) == before
        for ref in (ours, later):
            assert set(outcomes[ref.key].tags) == set(PLAN.tags)

    def test_lost_outcomes_are_made_good_by_looking(self, remote: Remote, connect: Connect) -> None:
        connector = bulk_writer(connect)
        refs = messages_of(remote, connect, 3)
        tag_all(connector, refs, PLAN)
        once = [remote.look(ref.ticket) for ref in refs]
        carry_out(connect(), refs[0], PLAN)
        tag_all(connect(), refs, PLAN)
        assert [remote.look(ref.ticket) for ref in refs] == once

    def test_a_bulk_receipt_can_be_undone(self, remote: Remote, connect: Connect) -> None:
        bulk, undo = bulk_writer(connect), undoer(remote, connect)
        refs = messages_of(remote, connect, 2)
        remote.agent_tags(refs[0].ticket, "urgent")
        before = [remote.look(ref.ticket) for ref in refs]
        outcomes = tag_all(bulk, refs, PLAN)
        for ref in refs:
            receipt = outcomes[ref.key]
            assert isinstance(receipt, Receipt)
            undo.undo(at(ref, receipt), receipt)
        assert [remote.look(ref.ticket) for ref in refs] == before
