"""People and servers change a mailbox between two steps of the imap connector, or lack what a step needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_daemon.domain import MessageRef, Receipt, Triage
from smartticket_daemon.errors import ConfigurationError, Overtaken, TransientError
from tests.servers.lying import CAPABILITIES, LyingServer
from tests.servers.lying_client import NOTE, PLAN, Connect, fill, refs
from tests.servers.lying_mail import Folder, Mail

pytest_plugins = ["tests.servers.lying_fixture"]

ROUTED = Triage(PLAN.tags, "Billing", NOTE)


def test_drafts_of_a_server_that_tells_no_numbers_are_found_and_taken_away(connect: Connect) -> None:
    with LyingServer(CAPABILITIES.replace(" UIDPLUS", "")) as server:
        fill(server, 1)
        connector = connect(server)
        (ref,) = refs(connector)
        receipt = connector.apply(ref, PLAN, ref.key)
        assert connector.applied(ref, ref.key) is not None
        connector.apply(ref, PLAN, ref.key)
        drafts = server.folders["Drafts"].mails
        assert len(drafts) == 1
        connector.undo(ref, receipt)
        assert ["\\Deleted" in m.flags for m in drafts.values()] == [True]
        assert not any(b"EXPUNGE" in command.upper() for command in server.commands)
        connector.close()


def test_a_drafts_folder_made_anew_meanwhile_is_read_anew(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    connector = connect()
    first, second = refs(connector)
    connector.apply(first, PLAN, first.key)
    server.folders["Drafts"] = Folder(99)
    connector.apply(second, PLAN, second.key)
    again = connect()
    assert again.applied(second, second.key) is not None
    assert again.applied(first, first.key) is None
    assert len(server.folders["Drafts"].mails) == 1


def test_drafts_of_others_are_none_of_ours(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    server.folders["Drafts"].add(Mail(b"Subject: my own\r\n\r\nwords\r\n"))
    connector = connect()
    (ref,) = refs(connector)
    assert connector.applied(ref, ref.key) is None
    connector.undo(ref, connector.apply(ref, PLAN, ref.key))
    assert list(server.folders["Drafts"].mails) == [1]


def test_undo_leaves_what_people_took_away_already(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    connector = connect()
    first, second = refs(connector)
    receipts = {ref: connector.apply(ref, PLAN, ref.key) for ref in (first, second)}
    server.inbox.mails[1].flags = {"vip"}
    server.folders["Drafts"].mails.clear()
    del server.inbox.mails[2]
    for ref in (first, second):
        connector.undo(ref, receipts[ref])
        connect().undo(ref, receipts[ref])
    assert [m.flags for m in server.inbox.mails.values()] == [{"vip"}]


def test_an_account_without_drafts_says_so_and_has_none_of_ours(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 1)
    del server.folders["Drafts"]
    connector = connect()
    (ref,) = refs(connector)
    assert connector.applied(ref, ref.key) is None
    with pytest.raises(ConfigurationError, match="drafts"):
        connector.apply(ref, PLAN, ref.key)


def test_a_draft_that_was_sent_is_an_answer(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    server.folders["Sent"] = Folder(11)
    connector = connect()
    (ref,) = refs(connector)
    connector.apply(ref, PLAN, ref.key)
    server.folders["Sent"].add(Mail(server.folders["Drafts"].mails.pop(1).raw))
    with pytest.raises(Overtaken, match="answered"):
        connect().applied(ref, ref.key)


def test_a_message_deleted_after_its_draft_leaves_the_draft_told(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    receipt = connector.apply(ref, PLAN, ref.key)
    server.inbox.mails.clear()
    found = connect().applied(ref, ref.key)
    assert found is not None
    assert (found.note_id, found.tags, found.route) == (receipt.note_id, (), None)


def test_a_folder_that_may_not_be_made_stops_the_source(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    server.lies.add("create_refused")
    connector = connect()
    (ref,) = refs(connector)
    with pytest.raises(ConfigurationError, match="will not make the folder Billing"):
        connector.apply(ref, ROUTED, ref.key)
    assert list(server.inbox.mails) == [1]


def test_a_move_that_is_refused_though_the_folder_is_there_is_told(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 1)
    server.folders["Billing"] = Folder(12)
    server.lies.add("move_refused")
    connector = connect()
    (ref,) = refs(connector)
    with pytest.raises(TransientError, match="refused"):
        connector.apply(ref, ROUTED, ref.key)
    assert (list(server.inbox.mails), server.folders["Billing"].mails) == ([1], {})
    assert not any(b"CREATE" in command.upper() for command in server.commands)


def test_a_message_that_vanishes_right_after_its_move_harms_nothing(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 2)
    connector = connect()
    first, second = refs(connector)
    server.folders["Billing"] = Folder(12)
    server.lies.add("vanished 1")
    ref = MessageRef("box", second.ticket, second.message, second.position)
    receipt = connector.apply(ref, Triage(PLAN.tags, "Billing"), ref.key)
    assert (receipt.tags, receipt.route) == (PLAN.tags, "Billing")
    assert list(server.inbox.mails) == [1]
    assert first.position == "INBOX;7;1"


def test_a_folder_renumbered_while_we_write_waits(tmp_path: Path, connect: Connect) -> None:
    class Renumbered(LyingServer):
        """Its INBOX gets new numbers once a draft was stored."""

    with Renumbered() as server:
        fill(server, 1)
        connector = connect(server)
        (ref,) = refs(connector)
        store = server.folders["Drafts"].add

        def add(mail: Mail) -> int:
            server.inbox.validity = 70
            return store(mail)

        server.folders["Drafts"].add = add  # type: ignore[method-assign]
        with pytest.raises(TransientError, match="renumbered"):
            connector.apply(ref, ROUTED, ref.key)
        assert list(server.inbox.mails) == [1]
        connector.close()


def test_a_receipt_without_a_place_takes_only_the_draft_back(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    receipt = connector.apply(ref, PLAN, ref.key)
    connector.undo(MessageRef("box", ref.ticket, ref.message, "nowhere"), Receipt(note_id=receipt.note_id))
    assert server.folders["Drafts"].mails == {}
    assert server.inbox.mails[1].flags == set(PLAN.tags)
