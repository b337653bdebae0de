"""Undo and reconcile: ours is taken back, a person's stays, and the ledger balances on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.program import BILLING, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.configure('[categories.billing]\nroute = "Billing"\n')
    desk.deliver("My invoice", BILLING)
    desk.deliver("My password", "I cannot log in to my account, my password is refused")
    return desk


def mails(desk: Desk) -> dict[str, bytes]:
    """Mail as a mail program shows it: without records of ours, without empty folders."""
    return {name: raw for name, raw in desk.files().items() if "/new/" in f"/{name}" or "/cur/" in f"/{name}"}


def test_undo_of_a_time_range_leaves_the_mailbox_as_it_was(desk: Desk) -> None:
    before = mails(desk)
    desk.once()
    assert len(mails(desk)) == len(before) + 2
    shown = desk.run("undo", "--since", "2020-01-01", "--dry-run", "--json")
    assert [json.loads(line)["outcome"] for line in shown.stdout.splitlines()] == ["would_undo"] * 2
    done = desk.run("undo", "--since", "2020-01-01", "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["undone"] * 2
    assert sorted(mails(desk).values()) == sorted(before.values())
    ledger = desk.once()
    assert (ledger["seen"], ledger["skipped"], ledger["applied"]) == (2, 2, 0)
    reasons = json.loads(desk.run("status", "--json").stdout)["sources"]["desk"]["skip_reasons"]
    assert reasons == {"undone": 2}


def test_undo_of_one_message(desk: Desk) -> None:
    desk.once()
    key = json.loads(desk.run("undo", "--since", "2020-01-01", "--dry-run", "--json").stdout.splitlines()[0])[
        "key"
    ]
    assert desk.run("undo", key).returncode == 0
    assert desk.once()["applied"] == 1
    assert "nothing to undo" in desk.run("undo", key).stderr


def test_undo_wants_one_message_or_a_range(desk: Desk) -> None:
    desk.once()
    assert desk.run("undo").returncode == 2
    assert desk.run("undo", "abc", "--since", "2020-01-01").returncode == 2
    assert desk.run("undo", "no-such").returncode == 1


def test_reconcile_names_what_a_person_changed(desk: Desk) -> None:
    desk.once()
    same = desk.run("reconcile")
    assert same.returncode == 0, same.stdout
    draft = next(name for name in mails(desk) if "Drafts" in name)
    (desk.root / "mail" / draft).unlink()
    routed = next(name for name in mails(desk) if "Billing" in name)
    (desk.root / "mail" / routed).unlink()
    changed = desk.run("reconcile", "--json")
    assert changed.returncode == 1
    found = [d for line in changed.stdout.splitlines() for d in json.loads(line)["differences"]]
    assert "gone" in found
    assert set(found) <= {"gone", "note_gone"}
