"""Random deeds of customers and people between polls: every message is triaged, and none twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from smartticket_connectors.folder import FolderConnector
from smartticket_daemon.domain import Message
from smartticket_daemon.pipeline import deliver, ingest
from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DRAFTS, INBOX, DiskMailbox, ticket_of
from tests.desk import Desk

SUBJECTS = ("billing 0.9", "technical_issue 0.9", "technical_issue 0.9", "billing 0.4")
STEPS = 60


class Life:
    """One seeded run. `due` are the messages that some complete poll must have met."""

    def __init__(self, folder: Path, kind: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.box: DiskMailbox = FORMATS[kind](folder / "mail")
        self.desk = Desk(folder)
        self.connector = FolderConnector("support", self.box.settings())
        self.due: set[str] = set()

    def live(self) -> None:
        deeds = (self.arrive, self.arrive, self.take_away, self.bring_back, self.answer, self.delete)
        for _ in range(STEPS):
            self.random.choice((*deeds, self.poll, self.poll, self.stop_halfway, self.restart))()
        self.poll()

    def arrive(self) -> None:
        for _ in range(self.random.randint(1, 5)):
            self.box.deliver(self.random.choice(SUBJECTS), "Something about it.")
            if self.random.random() < 0.3:
                self._predate()

    def _predate(self) -> None:
        """As rsync and mv leave it: the file's own date is long ago."""
        mails = (f for f in self.box.path.rglob("*") if f.is_file() and b"Subject:" in f.read_bytes()[:2000])
        newest = max(mails, key=lambda f: f.stat().st_ctime_ns, default=None)
        if newest:
            at = self.random.randint(10**9, 17 * 10**8)
            os.utime(newest, (at, at))

    def take_away(self) -> None:
        if ticket := self._any(INBOX):
            self.box.agent_routes(ticket, self.box.groups[1])

    def bring_back(self) -> None:
        if ticket := self._any(self.random.choice(self.box.groups)):
            self.box.agent_routes(ticket, INBOX)

    def answer(self) -> None:
        if "answer" in self.box.can and (ticket := self._any(INBOX)):
            self.box.agent_answers(ticket)

    def delete(self) -> None:
        if ticket := self._any(INBOX):
            self.box.delete(ticket)

    def poll(self) -> None:
        self.due |= {ticket_of(m) for m in self.box.all(INBOX)}
        ingest(self.desk.source(connector=self.connector))
        deliver(self.desk.source(connector=self.connector))

    def stop_halfway(self) -> None:
        polls = self.random.randint(1, 2)
        answers = islice((False,) * polls, polls)
        ingest(self.desk.source(connector=self.connector, stopping=lambda: next(answers, True)))

    def restart(self) -> None:
        self.connector = FolderConnector("support", self.box.settings())

    def _any(self, folder: str) -> str | None:
        tickets = sorted(ticket_of(m) for m in self.box.all(folder))
        return self.random.choice(tickets) if tickets else None


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_none_is_lost_and_none_is_triaged_twice(kind: str, seed: int, tmp_path: Path) -> None:
    life = Life(tmp_path, kind, seed)
    life.live()
    ledger = life.desk.ledger()
    met = {str(record.ref.ticket) for t in life.due for record in life.desk.journal.find(t)}
    assert life.due <= met
    assert ledger["seen"] >= len(life.due)
    assert set(life.desk.reasons()) <= {"answered", "deleted"}
    assert "pending" not in ledger
    answered = Counter(str(d["In-Reply-To"]) for d in life.box.all(DRAFTS))
    assert set(answered.values()) <= {1}
    assert len(answered) == ledger["applied"] > 5


def test_the_deeds_would_show_a_loss(tmp_path: Path) -> None:
    """The same life with a connector that forgets every third message does not pass."""

    class Forgetful(FolderConnector):
        def _message(self, *args: object) -> Message | None:  # type: ignore[override]
            message = super()._message(*args)  # type: ignore[arg-type]
            return None if int(message.ref.ticket, 16) % 3 == 0 else message

    life = Life(tmp_path, "maildir", 1)
    life.restart = lambda: None  # type: ignore[method-assign]
    life.connector = Forgetful("support", life.box.settings())
    life.live()
    met = {str(record.ref.ticket) for t in life.due for record in life.desk.journal.find(t)}
    assert not life.due <= met
