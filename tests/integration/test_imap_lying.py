"""The imap connector against a server that lies: no hang, no spinning, nothing lost once it behaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from smartticket_connectors.imap import ImapConnector
from smartticket_daemon.domain import Cursor, MessageRef, Note, Receipt, Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    Overtaken,
    RateLimited,
    TransientError,
    Unreachable,
)
from tests.servers.lying import CAPABILITIES, LyingServer
from tests.servers.lying_mail import Mail

TIMEOUT = 2.0
NOTE = Note("Hello,\nwe look into it.", "billing.en")
PLAN = Triage(("category__billing",), None, NOTE)
Connect = Callable[..., ImapConnector]


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as one:
        yield one


@pytest.fixture
def connect(server: LyingServer, tmp_path: Path) -> Iterator[Connect]:
    (tmp_path / "secret").write_text("secret")
    made: list[ImapConnector] = []

    def make(to: LyingServer = server, **changes: object) -> ImapConnector:
        values = {
            "host": "127.0.0.1",
            "port": to.port,
            "tls": "none",
            "username": "support@example.org",
            "password_file": tmp_path / "secret",
            "start": "all",
            "timeout": TIMEOUT,
            **changes,
        }
        made.append(ImapConnector("box", ImapConnector.Settings.model_validate(values)))
        return made[-1]

    yield make
    for connector in made:
        connector.close()


def mail(number: int, body: str = "text", extra: str = "") -> Mail:
    head = f"From: ann@customer.example\r\nSubject: Question {number}\r\n"
    own = f"Message-ID: <{number}@customer.example>\r\n"
    return Mail(f"{head}{own}{extra}Content-Type: text/plain\r\n\r\n{body} {number}\r\n".encode())


def fill(server: LyingServer, count: int) -> None:
    for number in range(1, count + 1):
        server.inbox.add(mail(number))


def subjects(connector: ImapConnector, cursor: Cursor | None = None) -> list[str]:
    return [message.subject for batch in connector.fetch(cursor) for message in batch.messages]


def refs(connector: ImapConnector) -> list[MessageRef]:
    return [message.ref for batch in connector.fetch(None) for message in batch.messages]


@pytest.mark.parametrize("lie", ["hang_select", "hang 2", "drip"])
def test_a_server_that_stops_answering_costs_no_more_than_the_timeout(
    server: LyingServer, connect: Connect, lie: str
) -> None:
    fill(server, 3)
    connector = connect()
    server.lies.add(lie)
    began, busy = time.monotonic(), time.thread_time()
    with pytest.raises(Unreachable):
        subjects(connector)
    assert time.monotonic() - began < TIMEOUT + 1
    assert time.thread_time() - busy < 0.05 * TIMEOUT
    server.lies.clear()
    assert subjects(connector) == ["Question 1", "Question 2", "Question 3"]


def test_nothing_that_listens_is_unreachable(server: LyingServer, connect: Connect) -> None:
    server.__exit__()
    with pytest.raises(Unreachable):
        subjects(connect())


def test_a_crowded_server_is_left_alone_for_a_minute(server: LyingServer, connect: Connect) -> None:
    server.lies.add("crowded")
    with pytest.raises(RateLimited) as caught:
        subjects(connect())
    assert caught.value.retry_after == 60


def test_refused_credentials_are_named_by_their_code_alone(server: LyingServer, connect: Connect) -> None:
    server.lies.add("denied")
    with pytest.raises(AccessDenied, match="AUTHENTICATIONFAILED") as caught:
        subjects(connect())
    assert "secret" not in str(caught.value).replace("the secret's file", "")
    findings = connect().check().findings
    assert [f.ok for f in findings] == [False]
    assert findings[0].mend


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
    cursor, seen, lost, polls = None, [], [], 0
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


def test_a_server_that_learns_to_keep_keywords_gets_them(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    server.lies.add("store_ignored")
    connector = connect()
    first, second = refs(connector)
    connector.apply(first, PLAN, first.key)
    server.lies.clear()
    connector.close()
    assert connector.apply(second, PLAN, second.key).tags == PLAN.tags


@pytest.mark.parametrize("size", [1, 20_000])
def test_a_part_that_comes_back_empty_is_read_from_the_whole_message(
    server: LyingServer, connect: Connect, size: int
) -> None:
    server.inbox.add(mail(1, "wanted text\r\n" * size))
    server.lies.add("nil 1")
    (message,) = [m for b in connect().fetch(None) for m in b.messages]
    assert "wanted text" in message.body
    assert "structure" in message.defects


def test_a_store_that_does_nothing_is_noticed_and_said_once(
    server: LyingServer, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(server, 3)
    server.lies.add("store_ignored")
    connector = connect()
    receipts = [connector.apply(ref, PLAN, ref.key) for ref in refs(connector)]
    assert [receipt.tags for receipt in receipts] == [(), (), ()]
    assert len(server.folders["Drafts"].mails) == 3
    assert capsys.readouterr().out.count("keywords_not_kept") == 1


@pytest.mark.parametrize("lie", ["no_keywords", "keywords_refused", "store_ignored"])
def test_a_server_without_keywords_is_refused_where_the_settings_say_so(
    server: LyingServer, connect: Connect, lie: str
) -> None:
    fill(server, 1)
    server.lies.add(lie)
    connector = connect(keyword_fallback="refuse")
    (ref,) = refs(connector)
    with pytest.raises(ConfigurationError, match="keyword_fallback"):
        connector.apply(ref, PLAN, ref.key)
    assert server.folders["Drafts"].mails == {}
    calm = connect()
    assert calm.apply(ref, PLAN, ref.key).tags == ()
    assert calm.check().ok


def test_no_keywords_is_a_finding(server: LyingServer, connect: Connect) -> None:
    server.lies.add("no_keywords")
    assert any("journal only" in f.text for f in connect().check().findings)
    assert not connect(keyword_fallback="refuse").check().ok


def test_a_lost_answer_to_append_leaves_one_draft(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    server.lies.add("append_cut")
    with pytest.raises(TransientError):
        connector.apply(ref, PLAN, ref.key)
    found = connector.applied(ref, ref.key)
    assert found is not None
    assert not PLAN.minus(found)
    connector.apply(ref, PLAN, ref.key)
    assert len(server.folders["Drafts"].mails) == 1


def test_apply_twice_without_a_note_changes_nothing_twice(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    plan = Triage(("category__billing",), "Billing")
    connector.apply(ref, plan, ref.key)
    again = connect().apply(ref, plan, ref.key)
    assert (again.tags, again.route, again.route_before) == (plan.tags, "Billing", "INBOX")
    assert [m.flags for m in server.folders["Billing"].mails.values()] == [{"category__billing"}]
    assert server.inbox.mails == {}


@pytest.mark.parametrize(
    ("missing", "left", "flags"),
    [(" MOVE", [], []), (" UIDPLUS", [], []), (" UIDPLUS MOVE", [1], ["\\Deleted", "category__billing"])],
)
def test_routing_without_move_or_uidplus(
    tmp_path: Path, connect: Connect, missing: str, left: list[int], flags: list[str]
) -> None:
    with LyingServer(CAPABILITIES.replace(missing, "")) as server:
        fill(server, 1)
        connector = connect(server)
        (ref,) = refs(connector)
        receipt = connector.apply(ref, Triage(("category__billing",), "Billing", NOTE), ref.key)
        assert receipt.route == "Billing"
        assert receipt.position == "Billing;22;1"
        assert list(server.inbox.mails) == left
        assert [sorted(server.inbox.mails[uid].flags) for uid in left] == [flags] * len(left)
        again = connect(server).apply(ref, Triage(("category__billing",), "Billing"), ref.key)
        assert again.route == "Billing"
        assert len(server.folders["Billing"].mails) == 1
        connector.close()
        connect(server).close()


def test_keywords_that_do_not_survive_a_move_are_set_again(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    server.lies.add("flags_lost")
    connector = connect()
    for ref in refs(connector):
        connector.apply(ref, Triage(("category__billing",), "Billing"), ref.key)
    assert [m.flags for m in server.folders["Billing"].mails.values()] == [{"category__billing"}] * 2


def test_a_missing_folder_is_made_only_where_allowed(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect(create_folders=False)
    (ref,) = refs(connector)
    with pytest.raises(ConfigurationError, match="create_folders"):
        connector.apply(ref, Triage(route="Billing"), ref.key)
    assert list(server.inbox.mails) == [1]


def test_gmail_gets_labels(connect: Connect) -> None:
    with LyingServer(CAPABILITIES + " X-GM-EXT-1") as server:
        fill(server, 1)
        connector = connect(server)
        (ref,) = refs(connector)
        receipt = connector.apply(ref, Triage(("Größe/klein",)), ref.key)
        assert receipt.tags == ("Größe/klein",)
        assert server.inbox.mails[1].labels == {"Gr&APYA3w-e/klein"}
        assert [s.tags for s in connector.current([ref])] == [{"Größe/klein"}]
        connector.undo(ref, receipt)
        assert server.inbox.mails[1].labels == set()
        connector.close()


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


def test_a_folder_that_is_deleted_is_overtaken(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    server.inbox.mails.clear()
    with pytest.raises(Overtaken, match="deleted"):
        connector.apply(ref, PLAN, ref.key)
    assert server.folders["Drafts"].mails == {}


@pytest.mark.parametrize("lie", ["bye_in_idle", "half_line", "calm"])
def test_waiting_is_quiet_whatever_the_server_does(server: LyingServer, connect: Connect, lie: str) -> None:
    server.lies.add(lie)
    connector = connect()
    began, busy = time.monotonic(), time.thread_time()
    assert connector.wait(2.5) is False
    assert time.monotonic() - began == pytest.approx(2.5, abs=0.5)
    assert time.thread_time() - busy < 0.05 * 2.5
    assert sum(b"IDLE" in c for c in server.commands) <= 3


def test_news_before_the_continuation_is_a_hint(server: LyingServer, connect: Connect) -> None:
    server.lies.add("early_exists")
    assert connect().wait(5) is True


def test_a_flood_of_hints_is_calmed(server: LyingServer, connect: Connect) -> None:
    server.lies.add("flood")
    connector = connect()
    began, busy, hints = time.monotonic(), time.thread_time(), 0
    while time.monotonic() - began < 3:
        hints += connector.wait(5)
    assert 1 < hints <= 4
    assert time.thread_time() - busy < 0.15


def test_a_server_without_idle_just_waits_and_can_be_woken(connect: Connect) -> None:
    with LyingServer(CAPABILITIES.replace(" IDLE", "")) as server:
        connector = connect(server)
        began = time.monotonic()
        assert connector.wait(0.3) is False
        assert time.monotonic() - began >= 0.3
        timer = threading.Timer(0.2, connector.wake)
        timer.start()
        assert connector.wait(30) is False
        timer.join()
        connector.wake()
        assert connector.wait(30) is False
        assert time.monotonic() - began < 10
        connector.close()


def test_undo_leaves_a_draft_that_a_person_edited(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    connector = connect()
    first, second = refs(connector)
    receipts: dict[MessageRef, Receipt] = {
        ref: connector.apply(ref, PLAN, ref.key) for ref in (first, second)
    }
    drafts = server.folders["Drafts"].mails
    drafts[1].raw = drafts[1].raw.replace(b"look into it", b"looked into it")
    for ref in (first, second):
        connector.undo(ref, receipts[ref])
    assert list(drafts) == [1]
    assert [m.flags for m in server.inbox.mails.values()] == [set(), set()]
