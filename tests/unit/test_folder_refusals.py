"""What the folder connector refuses to touch, and which trouble it names."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from smartticket_connectors.folder import durable
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_daemon.domain import Mode, Triage
from smartticket_daemon.errors import AccessDenied, ConfigurationError, RejectedError, Unreachable
from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox
from tests.unit.folder_desk import MAIL, NOTE, connector, messages, put, tree, unreadable


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


def test_a_link_in_the_place_of_a_draft_is_not_written_through(eml: Path) -> None:
    put(eml, "a.eml")
    ref = messages(eml)[0].ref
    (eml / "Drafts").mkdir()
    victim = put(eml.parent, "victim", 2)
    (eml / "Drafts" / f".{ref.key}.eml.new").symlink_to(victim)
    with pytest.raises(ConfigurationError):
        connector(eml).apply(ref, Triage(note=NOTE), ref.key)
    assert victim.read_bytes() == MAIL % 2


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


def test_one_damaged_record_does_not_stop_the_others(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    box.deliver("Bill", "It is wrong.")
    refs = [message.ref for message in messages(box.path)]
    box.records.mkdir()
    (box.records / f"{refs[0].ticket}.json").write_text("[]")
    assert [state.exists for state in connector(box.path).current(refs)] == [True, True]


def test_a_full_disk_is_a_trouble_of_the_source(box: DiskMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    before = box.look(ticket)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
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


def test_no_right_to_write_stops_the_source(eml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(eml, "a.eml")
    ref = messages(eml)[0].ref

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(durable, "rename", refuse)
    with pytest.raises(AccessDenied):
        connector(eml).apply(ref, Triage(("x",)), ref.key)
