"""Agents re-tag in a real mailbox with their own mail program; the real program learns from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.feedback import run
from bench.feedback_programs import MailDesk
from bench.feedback_texts import Mail
from smartticket_model import load
from smartticket_model.runtime import DEFAULT
from tests.servers.mailserver import Server

pytest_plugins = ["tests.servers.fixtures"]
ROUNDS = 20
BILL = "I was charged twice this month and my invoice shows the wrong amount. Please correct bill number "


@pytest.fixture
def desk(dovecot: Server, tmp_path: Path) -> MailDesk:
    """Five mails, triaged as billing."""
    desk = MailDesk(dovecot.account(), tmp_path / "state", DEFAULT)
    desk.deliver([Mail(f"Invoice {n}", f"{BILL}{n}.", "billing", f"c{n}@customer.example") for n in range(5)])
    assert set(desk.categories().values()) == {"billing"}
    return desk


def answer(desk: MailDesk, number: int) -> None:
    with desk.account.client("INBOX") as person:
        (uid,) = person.search(["HEADER", "X-Number", str(number)])
        person.add_flags([uid], [b"\\Answered"])


def test_agents_teach_over_imap(desk: MailDesk, tmp_path: Path) -> None:
    answer(desk, 0)
    desk.retag({1: "refund_cancellation", 2: "refund_cancellation", 3: "technical_issue"})
    assert desk.opinions() == {"confirmed": 1, "corrected": 3}
    desk.change({3: "billing"})
    for _ in range(ROUNDS):
        desk.run("run", "--once")
        if desk.opinions()["corrected"] == 2:
            break
    assert desk.opinions() == {"confirmed": 1, "corrected": 2}
    data, out = tmp_path / "data.jsonl", tmp_path / "model"
    texts = {"billing": "my invoice is wrong", "refund_cancellation": "please refund my order"}
    rows = [
        {"subject": str(n), "body": f"{text} {n}", "label": k} for k, text in texts.items() for n in range(9)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    desk.train(data, out, "word")
    assert load(out).manifest["data"]["rows"] == 20


def test_corrections_of_a_confused_pair_help_it_alone() -> None:
    assert run("memory", 60, seed=1, unseen=60, poison=False) == []
