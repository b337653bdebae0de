"""What the folder connector writes and undoes beyond the contract: it spoils no work of a person."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from smartticket_daemon.domain import Note, Receipt, Triage
from tests.contract.mailboxes import DiskMailbox
from tests.unit.folder_desk import MAIL, NOTE, connector, messages, put, tree


def test_unread_mail_stays_unread_and_in_new(maildir: Path) -> None:
    put(maildir / "new", "1.a.host")
    put(maildir / "cur", "2.b.host:2,FS", 2)
    for message in messages(maildir):
        connector(maildir).apply(message.ref, Triage(("x",), "Billing"), message.ref.key)
    assert {f for f in tree(maildir / ".Billing") if f != "maildirfolder"} == {
        "new/1.a.host",
        "cur/2.b.host:2,FS",
    }


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


def test_applied_knows_nothing_of_what_was_never_begun(box: DiskMailbox) -> None:
    box.deliver("Bill", "It is wrong.")
    ref = messages(box.path)[0].ref
    assert connector(box.path).applied(ref, ref.key) is None
    assert connector(box.path).apply(ref, Triage(), ref.key) == Receipt(position=ref.position)
