"""The imap connector writes to a server that forgets, loses answers and lacks extensions."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_daemon.domain import MessageRef, Receipt, Triage
from smartticket_daemon.errors import ConfigurationError, Overtaken, TransientError
from tests.servers.lying import CAPABILITIES, LyingServer
from tests.servers.lying_client import NOTE, PLAN, Connect, fill, refs

pytest_plugins = ["tests.servers.lying_fixture"]


def test_a_server_that_learns_to_keep_keywords_gets_them(server: LyingServer, connect: Connect) -> None:
    fill(server, 2)
    server.lies.add("store_ignored")
    connector = connect()
    first, second = refs(connector)
    connector.apply(first, PLAN, first.key)
    server.lies.clear()
    connector.close()
    assert connector.apply(second, PLAN, second.key).tags == PLAN.tags


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


def test_a_folder_that_is_deleted_is_overtaken(server: LyingServer, connect: Connect) -> None:
    fill(server, 1)
    connector = connect()
    (ref,) = refs(connector)
    server.inbox.mails.clear()
    with pytest.raises(Overtaken, match="deleted"):
        connector.apply(ref, PLAN, ref.key)
    assert server.folders["Drafts"].mails == {}


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
