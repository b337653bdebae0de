"""What the folder connector takes for mail, and what it makes of it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from smartticket_connectors.folder import FolderConnector
from smartticket_connectors.folder.box import Place
from smartticket_daemon.domain import Capability, MessageRef, Status, Triage
from smartticket_daemon.errors import ConfigurationError, CursorExpired, Overtaken, RejectedError
from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox
from tests.samples import ROOT
from tests.unit.folder_desk import batches, connector, messages, put, unreadable


def test_capabilities() -> None:
    assert FolderConnector.capabilities == {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY}


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


def test_another_message_under_the_same_name_is_not_taken_for_it(eml: Path) -> None:
    file = put(eml, "a.eml", 1)
    ref = messages(eml)[0].ref
    file.unlink()
    put(eml, "a.eml", 2)
    desk = connector(eml)
    assert [state.exists for state in desk.current([ref])] == [False]
    with pytest.raises(Overtaken):
        desk.apply(ref, Triage(("x",)), ref.key)


def test_a_file_that_may_not_be_read_goes_to_quarantine_and_the_others_go_on(eml: Path) -> None:
    """In a process without root's rights, for root may read anything."""
    put(eml, "a.eml", 1).chmod(0)
    put(eml, "b.eml", 2).chmod(0o644)
    shared = Path(tempfile.gettempdir())
    for place in (eml, *itertools.takewhile(lambda parent: parent != shared, eml.parents)):
        place.chmod(0o755)
    script = """
import os, sys
from pathlib import Path
from tests.unit.folder_desk import messages, unreadable
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
