"""Another program is faster: mail that goes, folders that go, between two steps on a mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_connectors.folder.box import Box, Place
from smartticket_daemon.domain import Key, MessageRef, Triage
from smartticket_daemon.errors import Overtaken, RejectedError
from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox, MaildirMailbox
from tests.unit.folder_desk import NOTE, connector, messages, put, tree

GONE = Place("", "no-such-mail.1")


def box_of(mailbox: DiskMailbox) -> Box:
    mailbox.deliver("Bill", "It is wrong.")
    return connector(mailbox.path)._box


def test_what_is_gone_cannot_be_moved_and_nothing_changes(box: DiskMailbox) -> None:
    opened = box_of(box)
    opened.make_folder("Billing")
    before = tree(box.path.parent)
    with pytest.raises(Overtaken, match="deleted"):
        opened.move(GONE, Place("Billing", GONE.name))
    with pytest.raises(Overtaken, match="deleted"):
        opened.target(GONE, "Billing")
    assert tree(box.path.parent) == before


def test_what_is_gone_is_removed_already(box: DiskMailbox) -> None:
    opened = box_of(box)
    before = tree(box.path.parent)
    opened.remove(GONE)
    assert tree(box.path.parent) == before
    assert opened.read(GONE, 100) is None


def test_a_draft_that_is_there_stays_as_it_is(box: DiskMailbox) -> None:
    opened = box_of(box)
    opened.make_folder("Drafts")
    place = opened.draft_place(Key("0" * 32), "Drafts")
    (message,) = messages(box.path)
    connector(box.path).apply(message.ref, Triage(note=NOTE), message.ref.key)
    ours = opened.draft_place(message.ref.key, "Drafts")
    opened.write_draft(ours, b"Subject: another\r\n\r\nwords\r\n")
    letter = opened.read(ours, 10_000)
    assert letter is not None
    assert b"another" not in letter.raw
    assert opened.read(place, 100) is None


def test_a_message_that_went_cannot_be_read_again(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    (message,) = messages(box.path)
    strange = MessageRef(message.ref.source, message.ref.ticket, message.ref.message, str(GONE))
    with pytest.raises(Overtaken, match="deleted"):
        connector(box.path).read(strange)


def test_a_folder_of_a_maildir_that_goes_is_empty(tmp_path: Path) -> None:
    mailbox = MaildirMailbox(tmp_path / "mail")
    opened = box_of(mailbox)
    opened.make_folder("Billing")
    put(mailbox.path / ".Billing" / "cur", "9.b.host:2,S")
    place = Place("Billing", "9.b.host")
    assert opened.read(place, 100) is not None
    for name in ("cur/9.b.host:2,S", "maildirfolder"):
        (mailbox.path / ".Billing" / name).unlink()
    for name in ("tmp", "new", "cur"):
        (mailbox.path / ".Billing" / name).rmdir()
    assert opened.read(place, 100) is None


def test_folders_have_names_in_any_letters(tmp_path: Path) -> None:
    mailbox = MaildirMailbox(tmp_path / "mail")
    mailbox.deliver("Bill", "It is wrong.")
    (message,) = messages(mailbox.path)
    connector(mailbox.path).apply(message.ref, Triage(route="Überweisung"), message.ref.key)
    assert [p.name for p in mailbox.path.iterdir() if "berweisung" in p.name] == [".&ANw-berweisung"]


def test_a_route_into_the_mailbox_itself_is_refused(tmp_path: Path) -> None:
    mailbox = FORMATS["mbox"](tmp_path / "mail")
    mailbox.deliver("Bill", "It is wrong.")
    (message,) = messages(mailbox.path)
    with pytest.raises(RejectedError, match="the mailbox itself"):
        connector(mailbox.path).apply(message.ref, Triage(route=mailbox.path.name), message.ref.key)
