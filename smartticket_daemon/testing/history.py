"""The part of ConnectorContract about reading the past: capability HISTORY."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from smartticket_daemon.domain import Capability, Cursor, Message, Status, Triage
from smartticket_daemon.errors import CursorExpired
from smartticket_daemon.ports import Connector, Remembers
from smartticket_daemon.testing.remote import Connect, Remote
from smartticket_daemon.testing.steps import carry_out, deliver, fetch, messages_of, tickets


def rememberer(connect: Connect, start: str = "now") -> Any:
    """A connector with the capability, or a skip by name."""
    connector: Connector = connect(start)
    if Capability.HISTORY not in connector.capabilities:
        pytest.skip(f"{connector.kind} has no history")
    assert isinstance(connector, Remembers)
    return connector


def recall(
    connector: Remembers, cursor: Cursor | None = None, since: datetime | None = None
) -> list[Message]:
    """Everything that `past` yields from there on."""
    messages: list[Message] = []
    for batch in connector.past(cursor, since):
        assert batch.unreadable == ()
        messages += batch.messages
    return messages


class HistoryContract:
    """extent and past: newest first, each ticket once, nothing left out, nothing touched."""

    def test_the_past_is_read_newest_first_each_ticket_once(self, remote: Remote, connect: Connect) -> None:
        connector = rememberer(connect)
        names = deliver(remote, 7)
        messages = recall(connector)
        assert tickets(messages) == names[::-1]
        assert [m.subject for m in messages] == [f"Question {n}" for n in range(6, -1, -1)]
        assert len({m.ref.key for m in messages}) == 7
        assert {m.requester.address for m in messages} == {"ann@customer.example"}

    def test_no_past_is_no_message(self, connect: Connect) -> None:
        connector = rememberer(connect)
        assert recall(connector) == []
        assert connector.extent(None).tickets in (None, 0)

    def test_the_past_resumes_behind_any_cursor_in_another_process(
        self, remote: Remote, connect: Connect
    ) -> None:
        connector = rememberer(connect)
        names = deliver(remote, 7)[::-1]
        seen: list[str] = []
        for batch in connector.past(None, None):
            seen += tickets(batch.messages)
            assert isinstance(batch.cursor, str)
            assert seen + tickets(recall(connect("now"), Cursor(str(batch.cursor)))) == names
        assert seen == names

    def test_what_happens_meanwhile_leaves_no_other_ticket_out(
        self, remote: Remote, connect: Connect
    ) -> None:
        """People write, tag and delete between any two batches, read on by one walk and by resumed ones."""
        connector = rememberer(connect)
        names = deliver(remote, 9)
        gone = names[-1]
        walk, cursor = connector.past(None, None), None
        seen: list[str] = []
        while batch := next(walk, None):
            assert batch.cursor != cursor
            seen, cursor = seen + tickets(batch.messages), batch.cursor
            deliver(remote, 2)
            remote.agent_tags(names[0], f"round_{len(seen)}")
            if gone in seen and remote.look(gone).exists:
                remote.delete(gone)
                walk = connect("now").past(cursor, None)
        assert [name for name in seen if name in names] == names[::-1]
        assert len(seen) == len(set(seen))

    def test_a_walk_goes_on_after_what_it_yielded_was_triaged(
        self, remote: Remote, connect: Connect, plan: Triage
    ) -> None:
        connector = rememberer(connect)
        names = deliver(remote, 7)
        seen: list[str] = []
        for batch in connector.past(None, None):
            seen += tickets(batch.messages)
            for message in batch.messages:
                carry_out(connector, message.ref, plan)
        assert seen == names[::-1]
        assert [len(remote.look(name).notes) for name in names] == [1] * 7

    def test_the_past_ends_with_what_was_created_at_since(self, remote: Remote, connect: Connect) -> None:
        connector = rememberer(connect)
        deliver(remote, 5)
        everything = recall(connector)
        since = everything[2].created
        wanted = [m for m in everything if m.created >= since]
        assert recall(connector, since=since) == wanted
        assert recall(connector, since=everything[0].created + timedelta(days=2)) == []

    def test_the_past_shows_what_people_made_of_a_ticket(self, remote: Remote, connect: Connect) -> None:
        connector = rememberer(connect)
        plain, tagged, ended, routed, gone = deliver(remote, 5)
        remote.agent_tags(tagged, "vip", "category__billing")
        if "close" in remote.can:
            remote.agent_closes(ended)
        remote.agent_routes(routed, remote.groups[1])
        remote.delete(gone)
        found = {m.ref.ticket: m for m in recall(connector)}
        assert found.keys() >= {plain, tagged, ended}
        assert {"vip", "category__billing"} <= found[tagged].tags
        assert "vip" not in found[plain].tags
        assert found[plain].status is Status.OPEN
        assert (found[ended].status in (Status.SOLVED, Status.CLOSED)) is ("close" in remote.can)
        assert routed not in found or found[routed].group == remote.groups[1]
        assert gone not in found or found[gone].status is Status.DELETED

    def test_the_past_is_made_of_the_messages_that_read_knows(self, remote: Remote, connect: Connect) -> None:
        connector = rememberer(connect)
        polled = {ref.ticket: ref.key for ref in messages_of(remote, connect, 3)}
        for message in recall(connector):
            again = connector.read(message.ref)
            assert message.ref.key == polled[message.ref.ticket] == again.ref.key
            assert (message.subject, message.body) == (again.subject, again.body)
            assert (message.created, message.requester) == (again.created, again.requester)
            assert (message.status, message.tags) == (again.status, again.tags)

    def test_reading_the_past_changes_nothing_and_leaves_polling_alone(
        self, remote: Remote, connect: Connect
    ) -> None:
        connector = rememberer(connect, "all")
        names = deliver(remote, 3)
        before = [remote.look(name) for name in names]
        assert len(recall(connector)) == 3
        connector.extent(None)
        assert [remote.look(name) for name in names] == before
        messages, cursor = fetch(connector, None)
        assert tickets(messages) == names
        recall(connector)
        new = deliver(remote, 1)
        recall(connector)
        assert tickets(fetch(connector, cursor)[0]) == new

    def test_the_extent_is_about_right(self, remote: Remote, connect: Connect) -> None:
        connector = rememberer(connect)
        deliver(remote, 7)
        extent = connector.extent(None)
        assert extent.tickets is None or 7 <= extent.tickets <= 14
        assert extent.calls is None or extent.calls >= 1

    @pytest.mark.parametrize("cursor", ["", "garbage", "1:2:3:4:5", "-1", "{}", "\x00", "9" * 40, "ü"])
    def test_a_garbage_cursor_of_the_past_has_expired(
        self, remote: Remote, connect: Connect, cursor: str
    ) -> None:
        connector = rememberer(connect)
        deliver(remote, 1)
        with pytest.raises(CursorExpired):
            recall(connector, Cursor(cursor))
