"""What the folder connector promises beyond the contract: it marks, replaces and leaves nothing behind."""

from __future__ import annotations

import errno
import itertools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from smartticket_connectors.folder import FolderConnector, durable
from smartticket_connectors.folder.box import Place
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_daemon.domain import (
    Batch,
    Capability,
    Message,
    MessageRef,
    Mode,
    Note,
    Receipt,
    Status,
    Triage,
)
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    Overtaken,
    RejectedError,
    Unreachable,
)
from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox, EmlMailbox, MaildirMailbox
from tests.samples import ROOT

MAIL = b"From: Ann <ann@customer.example>\nSubject: Bill\nMessage-ID: <%d@x.example>\n\nIt is wrong.\n"
NOTE = Note("Hello Ann, we look into it.", "billing.en")


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    MaildirMailbox(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def eml(tmp_path: Path) -> Path:
    EmlMailbox(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture(params=FORMATS)
def box(request: pytest.FixtureRequest, tmp_path: Path) -> DiskMailbox:
    return FORMATS[request.param](tmp_path / "mail")


def connector(path: Path, **settings: object) -> FolderConnector:
    return FolderConnector("desk", FolderSettings(path=path, **{"start": "all", **settings}))


def batches(path: Path) -> list[Batch]:
    return list(connector(path).fetch(None))


def messages(path: Path) -> list[Message]:
    return [message for batch in batches(path) for message in batch.messages]


def unreadable(path: Path) -> list[str]:
    return [bad.ref.position for batch in batches(path) for bad in batch.unreadable]


def tree(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def put(directory: Path, name: str, number: int = 1) -> Path:
    file = directory / name
    file.write_bytes(MAIL % number)
    return file


def test_capabilities() -> None:
    assert FolderConnector.capabilities == {Capability.FEEDBACK, Capability.UNDO}


@pytest.mark.parametrize("name", [".", "..", "../x", "/etc", "a/b", ".hidden", "a\nb", "smartticket-tags"])
def test_a_name_that_leads_elsewhere_is_refused(eml: Path, name: str) -> None:
    put(eml, "a.eml")
    before = tree(eml.parent)
    ref = messages(eml)[0].ref
    with pytest.raises(RejectedError):
        connector(eml).apply(ref, Triage(("x",), name), ref.key)
    assert tree(eml.parent) == before
    assert not connector(eml).check([name]).ok
    with pytest.raises(ValidationError):
        FolderSettings(path=eml, drafts=name)


def test_an_mbox_is_no_folder_of_itself(tmp_path: Path) -> None:
    box = FORMATS["mbox"](tmp_path / "mail")
    box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    with pytest.raises(RejectedError):
        connector(box.path).apply(ref, Triage(route="support"), ref.key)
    assert len(messages(box.path)) == 1


@pytest.mark.parametrize(
    "name", [b"caf\xe9 \xff.eml", b"two\nlines.eml", b"%2e%2e.eml", b"a b;c'd\".EML", b"-.eml"]
)
def test_odd_file_names_come_through(eml: Path, name: bytes) -> None:
    put(eml, os.fsdecode(name))
    message = messages(eml)[0]
    assert message.ref.position.isascii()
    assert message.ref.position.isprintable()
    receipt = connector(eml).apply(message.ref, Triage(route="Billing"), message.ref.key)
    assert (eml / "Billing" / os.fsdecode(name)).is_file()
    assert Place.parse(receipt.position or "") == Place("Billing", os.fsdecode(name))


def test_links_pipes_and_directories_are_no_mail(eml: Path) -> None:
    secret = put(eml.parent, "secret")
    (eml / "link.eml").symlink_to(secret)
    (eml / "directory.eml").mkdir()
    os.mkfifo(eml / "pipe.eml")
    put(eml, ".hidden.eml")
    put(eml, "notes.txt")
    assert messages(eml) == []
    assert unreadable(eml) == []
    ref = MessageRef("desk", "t", "t", "link.eml")
    with pytest.raises((Overtaken, RejectedError)):
        connector(eml).read(ref)
    with pytest.raises(Overtaken):
        connector(eml).read(MessageRef("desk", "t", "t", "pipe.eml"))


def test_a_link_in_the_place_of_a_draft_is_not_written_through(eml: Path) -> None:
    put(eml, "a.eml")
    ref = messages(eml)[0].ref
    (eml / "Drafts").mkdir()
    victim = put(eml.parent, "victim", 2)
    (eml / "Drafts" / f".{ref.key}.eml.new").symlink_to(victim)
    with pytest.raises(ConfigurationError):
        connector(eml).apply(ref, Triage(note=NOTE), ref.key)
    assert victim.read_bytes() == MAIL % 2


def test_unread_mail_stays_unread_and_in_new(maildir: Path) -> None:
    put(maildir / "new", "1.a.host")
    put(maildir / "cur", "2.b.host:2,FS", 2)
    for message in messages(maildir):
        connector(maildir).apply(message.ref, Triage(("x",), "Billing"), message.ref.key)
    assert {f for f in tree(maildir / ".Billing") if f != "maildirfolder"} == {
        "new/1.a.host",
        "cur/2.b.host:2,FS",
    }


def test_flags_that_change_meanwhile_do_not_hide_a_message(maildir: Path) -> None:
    file = put(maildir / "new", "1.a.host")
    desk = connector(maildir)
    ref = next(b.messages[0].ref for b in desk.fetch(None))
    file.rename(maildir / "cur" / "1.a.host:2,S")
    desk.apply(ref, Triage(("x",)), ref.key)
    (maildir / "cur" / "1.a.host:2,S").rename(maildir / "cur" / "1.a.host:2,FS")
    assert desk.read(ref).tags == {"x"}


@pytest.mark.parametrize(("flag", "reason"), [("R", "answered"), ("T", "deleted")])
def test_flags_of_people_count(maildir: Path, flag: str, reason: str) -> None:
    put(maildir / "cur", f"1.a.host:2,{flag}")
    message = messages(maildir)[0]
    assert (message.answered, message.status is Status.DELETED) == (flag == "R", flag == "T")
    with pytest.raises(Overtaken) as caught:
        connector(maildir).apply(message.ref, Triage(("x",)), message.ref.key)
    assert caught.value.reason == reason


def test_a_draft_in_the_inbox_is_marked(maildir: Path) -> None:
    put(maildir / "cur", "1.a.host:2,D")
    assert "draft" in messages(maildir)[0].marks


def test_our_draft_is_a_draft_in_the_folder_of_drafts(maildir: Path) -> None:
    put(maildir / "new", "1.a.host")
    ref = messages(maildir)[0].ref
    connector(maildir).apply(ref, Triage(note=NOTE), ref.key)
    draft = maildir / ".Drafts" / "cur" / f"{ref.key}.smartticket:2,D"
    assert b"\r" not in draft.read_bytes()
    assert b"In-Reply-To: <1@x.example>" in draft.read_bytes()
    assert list((maildir / ".Drafts" / "tmp").iterdir()) == []


def test_a_message_never_replaces_another(eml: Path) -> None:
    (eml / "Billing").mkdir()
    put(eml / "Billing", "a.eml", 7)
    put(eml, "a.eml", 1)
    ref = messages(eml)[0].ref
    receipt = connector(eml).apply(ref, Triage(route="Billing"), ref.key)
    assert tree(eml / "Billing") == {"a.eml": MAIL % 7, "1-a.eml": MAIL % 1}
    put(eml, "a.eml", 3)
    connector(eml).undo(ref, receipt)
    assert (eml / "1-1-a.eml").exists() or (eml / "1-a.eml").exists()
    assert (eml / "a.eml").read_bytes() == MAIL % 3


def test_another_message_under_the_same_name_is_not_taken_for_it(eml: Path) -> None:
    file = put(eml, "a.eml", 1)
    ref = messages(eml)[0].ref
    file.unlink()
    put(eml, "a.eml", 2)
    desk = connector(eml)
    assert [state.exists for state in desk.current([ref])] == [False]
    with pytest.raises(Overtaken):
        desk.apply(ref, Triage(("x",)), ref.key)


def test_a_message_that_a_person_moved_to_its_route_is_found_there(maildir: Path) -> None:
    file = put(maildir / "new", "1.a.host")
    ref = messages(maildir)[0].ref
    (maildir / ".Billing" / "new").mkdir(parents=True)
    (maildir / ".Billing" / "cur").mkdir()
    file.rename(maildir / ".Billing" / "cur" / "1.a.host:2,S")
    receipt = connector(maildir).apply(ref, Triage(("x",), "Billing", NOTE), ref.key)
    assert (receipt.tags, bool(receipt.note_id), receipt.position) == (("x",), True, "Billing/1.a.host")


def test_a_tag_of_ours_that_a_person_removed_is_not_set_again(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    connector(box.path).apply(ref, Triage(("x", "y")), ref.key)
    record = box.records / f"{ticket}.json"
    record.write_text(record.read_text().replace('"x",', "", 1))
    connector(box.path).apply(ref, Triage(("x", "y", "z")), ref.key)
    assert box.tags(ticket) == {"y", "z"}


def test_a_damaged_record_is_never_overwritten(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    box.records.mkdir()
    record = box.records / f"{ticket}.json"
    record.write_text('{"tags": ["vip"')
    with pytest.raises(RejectedError):
        connector(box.path).apply(ref, Triage(("x",)), ref.key)
    assert record.read_text() == '{"tags": ["vip"'
    assert len(unreadable(box.path)) == 1


def test_undo_keeps_a_draft_that_a_person_has_changed(eml: Path) -> None:
    put(eml, "a.eml")
    ref = messages(eml)[0].ref
    receipt = connector(eml).apply(ref, Triage(("x",), None, NOTE), ref.key)
    draft = eml / "Drafts" / f"{ref.key}.eml"
    draft.write_bytes(draft.read_bytes() + b"Kind regards, Bob\n")
    connector(eml).undo(ref, receipt)
    assert draft.exists()
    assert json.loads((eml / "smartticket-tags" / f"{ref.ticket}.json").read_text())["tags"] == []


def test_a_draft_that_a_person_has_changed_is_never_replaced(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    for _ in range(2):
        receipt = connector(box.path).apply(ref, Triage(note=NOTE), ref.key)
        connector(box.path).undo(ref, replace(receipt, detail={"draft": "of another text"}))
        connector(box.path).apply(ref, Triage(note=Note("Another text.", "x.en")), ref.key)
        for record in box.records.iterdir():
            record.unlink()
    assert box.look(ticket).notes == (NOTE.body,)


def test_one_damaged_record_does_not_stop_the_others(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    box.deliver("Bill", "It is wrong.")
    refs = [message.ref for message in messages(box.path)]
    box.records.mkdir()
    (box.records / f"{refs[0].ticket}.json").write_text("[]")
    assert [state.exists for state in connector(box.path).current(refs)] == [True, True]


def test_applied_tells_of_work_on_a_message_that_a_person_took_away(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    connector(box.path).apply(ref, Triage(("x",), None, NOTE), ref.key)
    box.delete(ticket)
    found = connector(box.path).applied(ref, ref.key)
    assert found
    assert (found.tags, bool(found.note_id), found.position) == (("x",), True, None)


def test_a_route_that_a_person_took_is_not_ours_to_undo(maildir: Path) -> None:
    file = put(maildir / "new", "1.a.host")
    ref = messages(maildir)[0].ref
    for part in ("new", "cur", "tmp"):
        (maildir / ".Billing" / part).mkdir(parents=True)
    file.rename(maildir / ".Billing" / "new" / "1.a.host")
    receipt = connector(maildir).apply(ref, Triage(("x",), "Billing"), ref.key)
    assert receipt.route is None
    connector(maildir).undo(ref, receipt)
    assert (maildir / ".Billing" / "new" / "1.a.host").exists()


def test_undo_twice_is_as_once(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    before = box.look(ticket)
    ref = messages(box.path)[0].ref
    receipt = connector(box.path).apply(ref, Triage(("x",), "Billing", NOTE), ref.key)
    for _ in range(2):
        connector(box.path).undo(ref, receipt)
        assert box.look(ticket) == before


def test_a_file_that_may_not_be_read_goes_to_quarantine_and_the_others_go_on(eml: Path) -> None:
    """In a process without root's rights, for root may read anything."""
    put(eml, "a.eml", 1).chmod(0)
    put(eml, "b.eml", 2).chmod(0o644)
    shared = Path(tempfile.gettempdir())
    for place in (eml, *itertools.takewhile(lambda parent: parent != shared, eml.parents)):
        place.chmod(0o755)
    script = """
import os, sys
from tests.unit.test_folder_connector import Path, messages, unreadable
if os.getuid() == 0:
    os.setuid(65534)
path = Path(sys.argv[1])
print(len(messages(path)), unreadable(path))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(eml)], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.stdout.strip() == "1 ['a.eml']", done.stderr


def test_a_monstrous_message_is_read_up_to_the_cap(eml: Path) -> None:
    file = put(eml, "a.eml")
    with file.open("ab") as mail:
        mail.truncate(300 * 1024 * 1024)
    message = messages(eml)[0]
    assert "cut" in message.defects
    assert message.body.startswith("It is wrong.")


def test_a_vanished_file_is_passed_over(eml: Path) -> None:
    for number in range(4):
        put(eml, f"{number}.eml", number)
    fetch = connector(eml, batch=2).fetch(None)
    first = next(fetch)
    (eml / "2.eml").unlink()
    rest = [m.ref.position for batch in fetch for m in batch.messages]
    assert [m.ref.position for m in first.messages] + rest == ["0.eml", "1.eml", "3.eml"]


def test_a_full_disk_is_a_trouble_of_the_source(box: DiskMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    before = box.look(ticket)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", full)
        with pytest.raises(Unreachable):
            connector(box.path).apply(ref, Triage(("x",), "Billing", NOTE), ref.key)
    assert box.look(ticket) == before
    connector(box.path).apply(ref, Triage(("x",), "Billing", NOTE), ref.key)
    assert len(box.look(ticket).notes) == 1


def test_a_mailbox_that_is_gone_is_not_all_mail_deleted(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    desk = connector(box.path)
    batch = next(desk.fetch(None))
    place = box.path if box.path.is_dir() else box.path.parent
    place.rename(place.with_name("elsewhere"))
    ref = batch.messages[0].ref
    for verb in (
        lambda: list(desk.fetch(batch.cursor)),
        lambda: desk.apply(ref, Triage(("x",)), ref.key),
        lambda: list(desk.current([ref])),
        lambda: desk.read(ref),
    ):
        with pytest.raises(ConfigurationError):
            verb()
    assert not desk.check().ok


def test_a_missing_folder_is_made_only_where_that_is_allowed(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    desk = connector(box.path, create_folders=False)
    with pytest.raises(ConfigurationError):
        desk.apply(ref, Triage(("x",), "Billing"), ref.key)
    assert not desk.check(["Billing"]).ok
    assert box.look(ticket).tags == frozenset()
    assert connector(box.path).check(["Billing"]).ok


def test_check_asks_for_no_rights_to_write_where_nothing_is_written(eml: Path) -> None:
    findings = connector(eml, mode=Mode.OBSERVE, create_folders=False).check(["Billing"]).findings
    assert [finding.ok for finding in findings] == [True]


def test_the_format_is_what_lies_there(tmp_path: Path) -> None:
    for kind, harness in FORMATS.items():
        box = harness(tmp_path / kind)
        box.deliver("Bill", "It is wrong.")
        assert len(messages(box.path)) == 1
    with pytest.raises(ConfigurationError):
        list(connector(tmp_path / "eml", format="maildir").fetch(None))
    with pytest.raises(ConfigurationError):
        list(connector(tmp_path / "eml", format="mbox").fetch(None))


def test_a_cursor_of_another_format_has_expired(tmp_path: Path) -> None:
    boxes = [FORMATS[kind](tmp_path / kind) for kind in FORMATS]
    for box in boxes:
        box.deliver("Bill", "It is wrong.")
    cursors = [batches(box.path)[-1].cursor for box in boxes]
    for box, cursor in zip(boxes, cursors[1:] + cursors[:1], strict=True):
        with pytest.raises(CursorExpired):
            list(connector(box.path).fetch(cursor))


def test_a_second_delivery_has_a_place_of_its_own(box: DiskMailbox) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    box.put("", box.all("")[0])
    refs = [message.ref for message in messages(box.path)]
    assert [ref.ticket for ref in refs] == [ticket, ticket]
    assert len({ref.position for ref in refs}) == 2
    assert [state.exists for state in connector(box.path).current(refs)] == [True, True]


def test_no_right_to_write_stops_the_source(eml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(eml, "a.eml")
    ref = messages(eml)[0].ref

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(durable, "rename", refuse)
    with pytest.raises(AccessDenied):
        connector(eml).apply(ref, Triage(("x",)), ref.key)


def test_applied_knows_nothing_of_what_was_never_begun(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    assert connector(box.path).applied(ref, ref.key) is None
    assert connector(box.path).apply(ref, Triage(), ref.key) == Receipt(position=ref.position)
