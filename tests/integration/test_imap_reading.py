"""The imap connector reads what a lying server shows: nothing holds the others up, nothing is lost."""

from __future__ import annotations

from contextlib import suppress

import pytest

from smartticket_daemon.domain import Cursor, MessageRef
from smartticket_daemon.errors import Unreachable
from tests.servers.lying import LyingServer
from tests.servers.lying_client import PLAN, Connect, fill, mail, refs, subjects

pytest_plugins = ["tests.servers.lying_fixture"]


def test_a_vanished_uid_and_a_poison_message_hold_nobody_up(server: LyingServer, connect: Connect) -> None:
    fill(server, 9)
    server.lies |= {"vanished 3", "poison 6"}
    batches = list(connect().fetch(None))
    assert [m.subject for b in batches for m in b.messages] == [
        f"Question {n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)
    ]
    assert not any(b.unreadable for b in batches)
    assert subjects(connect(), batches[-1].cursor) == []


def test_a_message_that_kills_the_server_is_put_aside_after_some_polls(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 60)
    server.lies.add("cut 23")
    seen: list[str] = []
    lost: list[MessageRef] = []
    cursor, polls = None, 0
    while len(seen) + len(lost) < 60 and polls < 12:
        polls += 1
        with suppress(Unreachable):
            for batch in connect().fetch(cursor):  # a new process each time
                seen += [message.subject for message in batch.messages]
                lost += [bad.ref for bad in batch.unreadable]
                cursor = batch.cursor
    assert seen == [f"Question {n}" for n in range(1, 61) if n != 23]
    assert [ref.position for ref in lost] == ["INBOX;7;23"]
    server.lies.clear()
    assert connect().read(lost[0]).subject == "Question 23"
    assert connect().apply(lost[0], PLAN, lost[0].key).tags == PLAN.tags


@pytest.mark.parametrize("size", [1, 20_000])
def test_a_part_that_comes_back_empty_is_read_from_the_whole_message(
    server: LyingServer, connect: Connect, size: int
) -> None:
    server.inbox.add(mail(1, "wanted text\r\n" * size))
    server.lies.add("nil 1")
    (message,) = [m for b in connect().fetch(None) for m in b.messages]
    assert "wanted text" in message.body
    assert "structure" in message.defects


def test_a_changed_uidvalidity_yields_the_mail_again_and_moves_on(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 3)
    connector = connect()
    batches = list(connector.fetch(None))
    before = [m.ref for b in batches for m in b.messages]
    server.inbox.validity = 99
    again = list(connector.fetch(batches[-1].cursor))
    after = [m.ref for b in again for m in b.messages]
    assert [r.key for r in after] == [r.key for r in before]
    assert {r.position for r in after}.isdisjoint(r.position for r in before)
    assert list(connector.fetch(again[-1].cursor)) == []
    assert connector.apply(before[0], PLAN, before[0].key).position == after[0].position


def test_the_first_poll_from_now_on_remembers_when_it_was(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    for one in server.inbox.mails.values():
        one.arrived -= 60
    connector = connect(start="now")
    (batch,) = connector.fetch(None)
    assert batch.messages == ()
    server.inbox.validity = 99
    assert subjects(connector, batch.cursor) == []  # both arrived before that first poll


def test_a_reply_to_a_mail_in_the_folder_is_a_follow_up(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    server.inbox.add(mail(3, extra="In-Reply-To: <2@customer.example>\r\n"))
    server.inbox.add(mail(4, extra="References: <elsewhere@x.example> <1@customer.example>\r\n"))
    server.inbox.add(mail(5, extra="In-Reply-To: <unknown@x.example>\r\n"))
    found = {m.subject: m.follow_up for b in connect().fetch(None) for m in b.messages}
    assert found == {
        "Question 1": False,
        "Question 2": False,
        "Question 3": True,
        "Question 4": True,
        "Question 5": False,
    }


def test_no_search_is_without_bounds_and_nothing_is_marked_as_read(
    server: LyingServer, connect: Connect
) -> None:
    fill(server, 5)
    connector = connect()
    for ref in refs(connector):
        connector.apply(ref, PLAN, ref.key)
        connector.read(ref)
    searches = [c for c in server.commands if b"SEARCH" in c]
    assert searches
    assert all(b" UID " in c and b"*" not in c and b"ALL" not in c for c in searches)
    assert not any(b"BODY[" in c or b"Seen" in c.partition(b"APPEND")[0] for c in server.commands)


def test_a_mailbox_of_many_is_searched_in_windows(server: LyingServer, connect: Connect) -> None:
    server.inbox.mails = {uid: mail(uid) for uid in (*range(1, 10_002), 95_000)}
    server.inbox.uidnext = 95_001
    connector = connect()
    for _ in zip(
        range(2), connector.fetch(Cursor('{"folder": "INBOX", "uidvalidity": 7, "uid": 9990}')), strict=False
    ):
        pass
    searches = [c.split(b" UID ")[-1] for c in server.commands if b"SEARCH" in c]
    assert searches[0] == b"9991:19990"
    assert len(searches) < 5
