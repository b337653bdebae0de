"""A support desk in memory, and one on a Dovecot: customers write, we triage, agents re-tag."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from bench.feedback_texts import Mail
from smartticket_daemon.backoff import Backoff
from smartticket_daemon.cli.lessons import read_lessons
from smartticket_daemon.domain import Mode
from smartticket_daemon.feedback import Looking, look_again
from smartticket_daemon.filters import FilterRules
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.judge import Judge
from smartticket_daemon.pipeline import Source
from smartticket_daemon.policy import CategoryPolicy, Policy
from smartticket_daemon.polling import poll
from smartticket_daemon.replies import Replies
from smartticket_daemon.testing import InMemoryConnector, InMemoryRemote, InMemorySettings
from smartticket_model import load
from smartticket_training.api import train
from smartticket_training.feedback import choose
from tests.servers.mailserver import Account, served

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
NUMBER = "X-Number"


class Desk(Protocol):
    """What the bench does with a desk; a ticket's number is its place in what was delivered."""

    def deliver(self, mails: Sequence[Mail]) -> None:
        """Customers write, and everything is triaged."""

    def categories(self) -> dict[int, str]:
        """Number and category tag of every ticket, `unsure` included."""

    def retag(self, changes: Mapping[int, str]) -> None:
        """Agents put another category's tag in place of ours, and we look at every ticket again."""

    def opinions(self) -> dict[str, int]:
        """How many of each the journal has."""

    def train(self, data: Path, out: Path) -> None:
        """Train on a file and on what agents corrected."""


def count(journal: SqlJournal) -> dict[str, int]:
    """Opinions in the journal by kind."""
    found = [j.feedback.opinion.value for j in journal.feedback() if j.feedback]
    return {kind: found.count(kind) for kind in sorted(set(found))}


@dataclass
class MemoryDesk:
    """The pipeline over the in-memory connector; time is what we say it is."""

    state: Path
    model: Path
    remote: InMemoryRemote = field(init=False)
    now: datetime = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.remote = InMemoryRemote(clock=self._clock)
        self._settings = InMemorySettings(kind="memory", remote=self.remote, start="all", batch=100)
        self._connector = InMemoryConnector("box", self._settings)
        self._journal = open_journal(self.state)
        self._tickets: list[str] = []

    def _clock(self) -> datetime:
        return self.now

    def _source(self) -> Source:
        model = load(self.model)
        plan = {name: CategoryPolicy(f"category__{name}", None, 0.0) for name in model.categories}
        replies = Replies([Path(str(files("smartticket_config") / "replies"))])
        judge = Judge(lambda: model, Policy(Mode.TAG, plan, "category__unsure"), replies, _rules)
        return Source("box", self._connector, self._journal, judge, Backoff(), clock=self._clock)

    def deliver(self, mails: Sequence[Mail]) -> None:
        """See Desk."""
        self._tickets += [self.remote.deliver(mail.subject, mail.body, mail.sender) for mail in mails]
        poll(self._source())

    def categories(self) -> dict[int, str]:
        """See Desk."""
        tags = (self.remote.look(ticket).tags for ticket in self._tickets)
        return {number: _category(own) for number, own in enumerate(tags)}

    def retag(self, changes: Mapping[int, str]) -> None:
        """See Desk."""
        for number, category in changes.items():
            ticket = self.remote.tickets[self._tickets[number]]
            ticket.tags = {tag for tag in ticket.tags if not tag.startswith("category__")}
            self.remote.agent_tags(ticket.name, f"category__{category}")
        self.now += timedelta(hours=2)
        while look_again(self._source(), Looking()):
            pass

    def opinions(self) -> dict[str, int]:
        """See Desk."""
        return count(self._journal)

    def train(self, data: Path, out: Path) -> None:
        """See Desk."""
        chosen = choose(read_lessons(self._journal, {"box": self._connector}).lessons)
        train(data, "label", out=out, subject="subject", body="body", lessons=chosen.lessons, jobs=1)


@dataclass
class MailDesk:
    """The real program on a mailbox of a real server; agents change keywords over IMAP."""

    account: Account
    state: Path
    model: Path
    delivered: int = 0

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.state.with_suffix(".toml")

    def __post_init__(self) -> None:
        env = self.account.server.env
        certain = "".join(f"[categories.{name}]\nthreshold = 0.0\n" for name in load(self.model).categories)
        self.config.write_text(
            f'[daemon]\nstate_dir = "{self.state}"\n[model]\npath = "{self.model}"\n'
            f'[policy]\nmode = "tag"\n[feedback]\ninterval = "1ms"\n{certain}'
            f'[sources.box]\nkind = "imap"\nhost = "localhost"\nport = {env["IMAPS_PORT"]}\n'
            f'ca_file = "{env["IMAP_CA"]}"\nusername = "{self.account.user}"\n'
            f'password_file = "{self.account.secret}"\nstart = "all"\n',
            "utf-8",
        )

    def _run(self, *words: str) -> str:
        command = [PROGRAM, *words, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            raise SystemExit(f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
        return done.stderr

    def deliver(self, mails: Sequence[Mail]) -> None:
        """See Desk."""
        self.account.deliver(*(_raw(mail, self.delivered + n) for n, mail in enumerate(mails)))
        self.delivered += len(mails)
        self._run("run", "--once")

    def categories(self) -> dict[int, str]:
        """See Desk."""
        item = f"BODY.PEEK[HEADER.FIELDS ({NUMBER})]"
        rows = self.account.rows("INBOX", "FLAGS", item).values()
        return {_number(row): _category({flag.decode() for flag in row[b"FLAGS"]}) for row in rows}

    def retag(self, changes: Mapping[int, str]) -> None:
        """See Desk."""
        rows = self.account.rows("INBOX", "FLAGS", f"BODY.PEEK[HEADER.FIELDS ({NUMBER})]")
        with self.account.client("INBOX") as person:
            for uid, row in rows.items():
                if (number := _number(row)) in changes:
                    ours = [flag for flag in row[b"FLAGS"] if flag.lower().startswith(b"category__")]
                    person.remove_flags([uid], ours)
                    person.add_flags([uid], [f"category__{changes[number]}".encode()])
        for _ in range(-(-self.delivered // 100) + 1):
            self._run("run", "--once")

    def opinions(self) -> dict[str, int]:
        """See Desk."""
        journal = open_journal(self.state)
        try:
            return count(journal)
        finally:
            journal.close()

    def train(self, data: Path, out: Path) -> None:
        """See Desk."""
        columns = ["--label", "label", "--subject", "subject", "--body", "body", "--jobs", "1", "--no-report"]
        told = self._run("train", "--data", str(data), *columns, "--out", str(out), "--with-feedback")
        sys.stdout.write("".join(f"  {line}\n" for line in told.splitlines() if line.startswith("feedback")))


@contextmanager
def opened(kind: str, folder: Path, model: Path) -> Iterator[Desk]:
    """`memory`, or `imap` with a Dovecot of its own."""
    if kind == "memory":
        yield MemoryDesk(folder / "state", model)
        return
    with served("dovecot.sh") as server:
        yield MailDesk(server.account(), folder / "state", model)


def _rules(now: datetime) -> FilterRules:
    return FilterRules(frozenset(), triage_replies=False, max_age=None, start=None, now=now)


def _category(tags: set[str] | frozenset[str]) -> str:
    found = [tag.lower().removeprefix("category__") for tag in tags if tag.lower().startswith("category__")]
    return found[0] if len(found) == 1 else json.dumps(sorted(found))


def _number(row: Mapping[bytes, object]) -> int:
    header = next(value for key, value in row.items() if key.startswith(b"BODY"))
    assert isinstance(header, bytes)
    return int(header.decode().partition(":")[2])


def _raw(mail: Mail, number: int) -> bytes:
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = mail.sender, "support@example.org", mail.subject
    one["Message-ID"], one[NUMBER] = f"<{number}@customer.example>", str(number)
    one.set_content(mail.body)
    return one.as_bytes()
