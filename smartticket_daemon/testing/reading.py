"""The half of ConnectorContract that only looks."""

from __future__ import annotations

import pytest

from smartticket_daemon.domain import Capability, Cursor
from smartticket_daemon.errors import ConfigurationError, CursorExpired, Overtaken
from smartticket_daemon.ports import ReportsState
from smartticket_daemon.testing.remote import Connect, Remote
from smartticket_daemon.testing.steps import deliver, fetch, messages_of, one, tickets, watched_io


class ReadingContract:
    """Construction, check, fetch, read, current, close."""

    def test_construction_does_no_io(self, remote: Remote) -> None:
        settings = remote.wrong_settings()
        remote.connector("contract", settings)
        with watched_io() as events:
            remote.connector("contract", settings)
        assert events == []

    def test_check_finds_all_well(self, connect: Connect) -> None:
        diagnosis = connect().check()
        assert diagnosis.findings
        assert diagnosis.ok

    def test_check_names_wrong_credentials_and_the_mend(self, remote: Remote) -> None:
        connector = remote.connector("contract", remote.wrong_settings())
        try:
            bad = [finding for finding in connector.check().findings if not finding.ok]
        except ConfigurationError:
            return
        finally:
            connector.close()
        assert bad
        assert all(finding.mend for finding in bad)

    def test_fetch_with_wrong_credentials_stops_the_source(self, remote: Remote) -> None:
        connector = remote.connector("contract", remote.wrong_settings())
        with pytest.raises(ConfigurationError):
            list(connector.fetch(None))
        connector.close()

    def test_start_now_yields_nothing_old_and_then_only_new(self, remote: Remote, connect: Connect) -> None:
        deliver(remote, 3)
        connector = connect("now")
        messages, cursor = fetch(connector, None)
        assert messages == []
        assert cursor is not None
        new = deliver(remote, 2)
        assert tickets(fetch(connector, cursor)[0]) == new

    def test_start_all_yields_everything_once_oldest_first(self, remote: Remote, connect: Connect) -> None:
        names = deliver(remote, 7)
        messages, _ = fetch(connect(), None)
        assert tickets(messages) == names
        assert [m.subject for m in messages] == [f"Question {n}" for n in range(7)]
        assert all(f"body of {n}" in m.body for n, m in enumerate(messages))
        assert len({m.ref.key for m in messages}) == 7
        assert {m.ref.source for m in messages} == {"contract"}
        assert {m.requester.address for m in messages} == {"ann@customer.example"}

    def test_resuming_at_any_cursor_loses_and_repeats_nothing(self, remote: Remote, connect: Connect) -> None:
        names = deliver(remote, 7)
        seen: list[str] = []
        for batch in connect().fetch(None):
            seen += tickets(batch.messages)
            assert isinstance(batch.cursor, str)
            rest, _ = fetch(connect(), Cursor(str(batch.cursor)))
            assert seen + tickets(rest) == names

    def test_polling_on_yields_each_arrival_once(self, remote: Remote, connect: Connect) -> None:
        connector, cursor = connect(), None
        names: list[str] = []
        seen: list[str] = []
        for count in (2, 0, 3, 1, 0):
            names += deliver(remote, count)
            messages, cursor = fetch(connector, cursor)
            seen += tickets(messages)
        assert seen == names

    def test_a_cursor_that_lags_is_harmless(self, remote: Remote, connect: Connect) -> None:
        first = deliver(remote, 3)
        before, cursor = fetch(connect(), None)
        deliver(remote, 2)
        once, _ = fetch(connect(), cursor)
        again, end = fetch(connect(), cursor)
        assert once == again
        assert len(again) == 2
        assert fetch(connect(), end)[0] == []
        assert tickets(before) == first

    @pytest.mark.parametrize("cursor", ["", "garbage", "1:2:3:4:5", "-1", "{}", "\x00", "9" * 40, "ü"])
    def test_a_garbage_cursor_has_expired(self, remote: Remote, connect: Connect, cursor: str) -> None:
        deliver(remote, 1)
        with pytest.raises(CursorExpired):
            list(connect().fetch(Cursor(cursor)))

    def test_reading_changes_nothing(self, remote: Remote, connect: Connect) -> None:
        names = deliver(remote, 3)
        before = [remote.look(name) for name in names]
        connector = connect()
        connector.check()
        messages, _ = fetch(connector, None)
        for message in messages:
            connector.read(message.ref)
            connector.applied(message.ref, message.ref.key)
        assert [remote.look(name) for name in names] == before

    def test_read_equals_what_was_fetched(self, remote: Remote, connect: Connect) -> None:
        deliver(remote, 3)
        messages, _ = fetch(connect(), None)
        connector = connect()
        assert [connector.read(message.ref) for message in messages] == messages

    def test_read_of_a_deleted_message_is_overtaken(self, remote: Remote, connect: Connect) -> None:
        ref = one(remote, connect)
        remote.delete(ref.ticket)
        with pytest.raises(Overtaken) as caught:
            connect().read(ref)
        assert caught.value.reason == "deleted"

    def test_current_reports_in_the_order_asked(self, remote: Remote, connect: Connect) -> None:
        connector = connect()
        if Capability.FEEDBACK not in connector.capabilities:
            pytest.skip(f"{connector.kind} gives no feedback")
        assert isinstance(connector, ReportsState)
        refs = messages_of(remote, connect, 3)
        remote.agent_tags(refs[0].ticket, "vip")
        remote.delete(refs[1].ticket)
        asked = [refs[2], refs[1], refs[0]]
        states = list(connector.current(asked))
        assert [state.ref for state in states] == asked
        assert [state.exists for state in states] == [True, False, True]
        assert "vip" in states[2].tags
        assert "vip" not in states[0].tags

    def test_a_closed_connector_can_be_used_again(self, remote: Remote, connect: Connect) -> None:
        connector = connect()
        deliver(remote, 2)
        messages, cursor = fetch(connector, None)
        connector.close()
        connector.close()
        new = deliver(remote, 1)
        assert tickets(fetch(connector, cursor)[0]) == new
        assert connector.read(messages[0].ref) == messages[0]

    def test_closing_an_unused_connector_is_fine(self, connect: Connect) -> None:
        connect().close()
