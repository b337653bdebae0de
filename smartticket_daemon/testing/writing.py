"""The half of ConnectorContract that changes the remote."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from smartticket_daemon.domain import Triage
from smartticket_daemon.errors import Overtaken
from smartticket_daemon.testing.remote import Connect, Remote
from smartticket_daemon.testing.steps import NOTE, TAG, act, at, carry_out, messages_of, one, undoer


class WritingContract:
    """apply, applied, undo; and that a person wins."""

    def test_apply_tags_routes_and_notes(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        ref = one(remote, connect)
        before = remote.look(ref.ticket)
        receipt = connect().apply(ref, plan, ref.key)
        sight = remote.look(ref.ticket)
        assert sight.tags == before.tags | set(plan.tags)
        assert sight.group == plan.route
        assert [NOTE.body in note for note in sight.notes] == [True]
        assert sight.marks == before.marks
        assert set(receipt.tags) == set(plan.tags)
        assert (receipt.route, receipt.route_before) == (plan.route, before.group)
        assert receipt.note_id
        assert not plan.minus(receipt)

    def test_tags_are_united_with_a_persons(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        ref = one(remote, connect)
        remote.agent_tags(ref.ticket, "vip", "urgent")
        receipt = connect().apply(ref, plan, ref.key)
        assert remote.look(ref.ticket).tags == {"vip", *plan.tags}
        assert receipt.tags == (TAG,)

    def test_only_what_is_planned_is_written(self, remote: Remote, connect: Connect) -> None:
        ref = one(remote, connect)
        before = remote.look(ref.ticket)
        connector = connect()
        receipt = connector.apply(ref, Triage(tags=(TAG,)), ref.key)
        connector.apply(at(ref, receipt), Triage(tags=(TAG,)), ref.key)
        assert remote.look(ref.ticket) == replace(before, tags=before.tags | {TAG})
        assert (receipt.tags, receipt.route, receipt.note_id) == ((TAG,), None, None)

    def test_applied_sees_our_own_work_alone(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        ref, other = messages_of(remote, connect, 2)
        assert connect().applied(ref, ref.key) is None
        done = connect().apply(ref, plan, ref.key)
        found = connect().applied(ref, ref.key)
        assert found is not None
        assert not plan.minus(found)
        assert (found.note_id, found.position) == (done.note_id, done.position)
        assert connect().applied(other, other.key) is None
        assert connect().applied(at(ref, done), other.key) is None

    def test_looking_before_the_second_attempt_leaves_one_note(
        self, remote: Remote, connect: Connect, plan: Triage
    ) -> None:
        ref = one(remote, connect)
        connect().apply(ref, plan, ref.key)
        carry_out(connect(), ref, plan)
        carry_out(connect(), ref, plan)
        sight = remote.look(ref.ticket)
        assert len(sight.notes) == 1
        assert (sight.tags, sight.group) == (frozenset(plan.tags), plan.route)

    def test_a_half_done_attempt_is_finished(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        ref = one(remote, connect)
        connect().apply(ref, Triage(plan.tags, plan.route), ref.key)
        carry_out(connect(), ref, plan)
        sight = remote.look(ref.ticket)
        assert len(sight.notes) == 1
        assert (sight.tags, sight.group) == (frozenset(plan.tags), plan.route)

    @pytest.mark.parametrize(
        ("deed", "reasons"),
        [
            ("close", {"closed", "solved"}),
            ("answer", {"answered"}),
            ("decide", {"human_decided"}),
            ("delete", {"deleted"}),
        ],
    )
    def test_a_person_who_got_there_first_wins(
        self, remote: Remote, connect: Connect, plan: Triage, deed: str, reasons: set[str]
    ) -> None:
        if deed not in remote.can | {"delete"}:
            pytest.skip(f"{remote.connector.kind}: nobody can {deed} there")
        ref = one(remote, connect)
        act(remote, deed, ref.ticket)
        before = remote.look(ref.ticket)
        with pytest.raises(Overtaken) as caught:
            connect().apply(ref, plan, ref.key)
        assert caught.value.reason in reasons
        assert remote.look(ref.ticket) == before

    def test_a_persons_route_stays(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        ref = one(remote, connect)
        remote.agent_routes(ref.ticket, remote.groups[1])
        with suppress(Overtaken):
            connect().apply(ref, plan, ref.key)
        assert remote.look(ref.ticket).group == remote.groups[1]

    def test_undo_takes_back_ours_and_keeps_a_persons(
        self, remote: Remote, connect: Connect, plan: Triage
    ) -> None:
        connector = undoer(remote, connect)
        ref = one(remote, connect)
        before = remote.look(ref.ticket)
        remote.agent_tags(ref.ticket, "vip", "urgent")
        receipt = connector.apply(ref, plan, ref.key)
        remote.agent_tags(ref.ticket, "later")
        connector.undo(at(ref, receipt), receipt)
        sight = remote.look(ref.ticket)
        assert sight.tags == before.tags | {"vip", "urgent", "later"}
        assert sight.group == before.group
        if "retract" in remote.can:
            assert sight.notes == before.notes

    def test_undo_leaves_a_later_route_alone(self, remote: Remote, connect: Connect, plan: Triage) -> None:
        connector = undoer(remote, connect)
        ref = one(remote, connect)
        receipt = connector.apply(ref, plan, ref.key)
        remote.agent_routes(ref.ticket, remote.groups[1])
        with suppress(Overtaken):
            connector.undo(at(ref, receipt), receipt)
        assert remote.look(ref.ticket).group == remote.groups[1]
