"""Desks worked by the real program: a mailbox of a real Dovecot, and doubles of Zendesk and Freshdesk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from bench.feedback_desks import Desk, MemoryDesk, category_of, count
from bench.feedback_texts import Mail
from smartticket_daemon.journal import open_journal
from smartticket_model import load
from smartticket_training.api import Features
from tests.doubles.freshdesk import KEY, FreshdeskDouble
from tests.doubles.hour import Hour
from tests.doubles.zendesk import ZendeskDouble
from tests.servers.mailserver import Account, served

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
NUMBER = "X-Number"
COLUMNS = ("--label", "label", "--subject", "subject", "--body", "body")
ROUNDS = 60
"""Rounds at most until every change is seen: one looks at a hundred tickets."""


class ProgramDesk:
    """`smartticket` on one source; the model is promoted first, so that another one can be."""

    source: str

    def __init__(self, state: Path, model: Path) -> None:
        self.state = state
        self.config = state.with_suffix(".toml")
        self._retagged: set[int] = set()
        self.tickets: list[str] = []
        certain = "".join(f"[categories.{name}]\nthreshold = 0.0\n" for name in load(model).categories)
        self.config.write_text(
            f'[daemon]\nstate_dir = "{state}"\n[policy]\nmode = "tag"\n[feedback]\ninterval = "1ms"\n'
            f"{certain}[sources.box]\n{self.source}",
            "utf-8",
        )
        self.run("models", "promote", str(model), "--force")

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """One command; ends the bench where its exit code is none of these."""
        command = [PROGRAM, *words, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
        return done

    def write(self, mails: Sequence[Mail]) -> None:
        """Customers write."""
        raise NotImplementedError

    def change(self, changes: Mapping[int, str]) -> None:
        """Agents put another category's tag in place of ours."""
        raise NotImplementedError

    def categories(self) -> dict[int, str]:
        """See Desk."""
        raise NotImplementedError

    def deliver(self, mails: Sequence[Mail]) -> None:
        """See Desk."""
        self.write(mails)
        self.run("run", "--once")

    def retag(self, changes: Mapping[int, str]) -> None:
        """See Desk."""
        self.change(changes)
        self._retagged |= set(changes)
        for _ in range(ROUNDS):
            if self.opinions().get("corrected", 0) >= len(self._retagged):
                return
            self.run("run", "--once")

    def opinions(self) -> dict[str, int]:
        """See Desk."""
        with closing(open_journal(self.state)) as journal:
            return count(journal)

    def train(self, data: Path, out: Path, features: Features, trust: str = "") -> None:
        """See Desk."""
        words = ["--data", str(data), *COLUMNS, "--jobs", "1", "--features", features, "--no-report"]
        trusted = ["--trust", trust] if trust else []
        told = self.run("train", *words, "--out", str(out), "--with-feedback", *trusted).stderr
        lines = [line for line in told.splitlines() if line.startswith(("feedback", "  look"))]
        sys.stdout.write("".join(f"  {line}\n" for line in lines))

    def promote(self, model: Path, unseen: Path) -> list[str]:
        """See Desk."""
        words = ("models", "promote", str(model), "--data", str(unseen), *COLUMNS, "--json")
        told = json.loads(self.run(*words, codes=(0, 1)).stdout)
        assert told["promoted"] is not bool(told["against"])
        against: list[str] = told["against"]
        return against


class MailDesk(ProgramDesk):
    """A mailbox of a real server; agents change keywords over IMAP."""

    def __init__(self, account: Account, state: Path, model: Path) -> None:
        self.account = account
        env = account.server.env
        self.source = (
            f'kind = "imap"\nhost = "localhost"\nport = {env["IMAPS_PORT"]}\nca_file = "{env["IMAP_CA"]}"\n'
            f'username = "{account.user}"\npassword_file = "{account.secret}"\nstart = "all"\n'
        )
        super().__init__(state, model)

    def write(self, mails: Sequence[Mail]) -> None:
        """See ProgramDesk."""
        self.account.deliver(*(_raw(mail, len(self.tickets) + n) for n, mail in enumerate(mails)))
        self.tickets += [mail.subject for mail in mails]

    def categories(self) -> dict[int, str]:
        """See Desk."""
        item = f"BODY.PEEK[HEADER.FIELDS ({NUMBER})]"
        rows = self.account.rows("INBOX", "FLAGS", item).values()
        return {_number(row): category_of(flag.decode() for flag in row[b"FLAGS"]) for row in rows}

    def change(self, changes: Mapping[int, str]) -> None:
        """See ProgramDesk."""
        rows = self.account.rows("INBOX", "FLAGS", f"BODY.PEEK[HEADER.FIELDS ({NUMBER})]")
        with self.account.client("INBOX") as person:
            for uid, row in rows.items():
                if (number := _number(row)) in changes:
                    ours = [flag for flag in row[b"FLAGS"] if flag.lower().startswith(b"category__")]
                    person.remove_flags([uid], ours)
                    person.add_flags([uid], [f"category__{changes[number]}".encode()])


class ZendeskDesk(ProgramDesk):
    """An account of the double; its clock moves with each request, and past the export's lag."""

    def __init__(self, double: ZendeskDouble, state: Path, model: Path) -> None:
        self.double = double
        double.pace = 1
        double.limits["export"].total = 1_000_000
        secret = state.with_suffix(".secret")
        secret.write_text(double.secret)
        self.source = (
            f'kind = "zendesk"\nurl = "{double.url}"\nclient_id = "{double.client}"\n'
            f'client_secret_file = "{secret}"\nstart = "all"\nbudget = 1.0\n'
        )
        super().__init__(state, model)

    def write(self, mails: Sequence[Mail]) -> None:
        """See ProgramDesk."""
        self.tickets += [str(self.double.create(mail.subject, mail.body, mail.sender)) for mail in mails]
        self.double.hour.forward(120)

    def categories(self) -> dict[int, str]:
        """See Desk."""
        records = [self.double.tickets[int(name)] for name in self.tickets]
        return {number: category_of(record.tags) for number, record in enumerate(records)}

    def change(self, changes: Mapping[int, str]) -> None:
        """See ProgramDesk."""
        for number, category in changes.items():
            self.double.change(int(self.tickets[number]), tags=[f"category__{category}"])


class FreshdeskDesk(ProgramDesk):
    """An account of the double, at the time of this machine."""

    def __init__(self, double: FreshdeskDouble, state: Path, model: Path) -> None:
        self.double = double
        secret = state.with_suffix(".secret")
        secret.write_text(KEY)
        self.source = (
            f'kind = "freshdesk"\nurl = "{double.url}"\napi_key_file = "{secret}"\nstart = "all"\n'
            "budget = 1.0\n"
        )
        super().__init__(state, model)

    def write(self, mails: Sequence[Mail]) -> None:
        """See ProgramDesk."""
        self.tickets += [self.double.account.deliver(mail.subject, mail.body, mail.sender) for mail in mails]

    def categories(self) -> dict[int, str]:
        """See Desk."""
        tickets = [self.double.account.ticket(name) for name in self.tickets]
        return {number: category_of(ticket.tags) for number, ticket in enumerate(tickets)}

    def change(self, changes: Mapping[int, str]) -> None:
        """See ProgramDesk."""
        for number, category in changes.items():
            self.double.account.agent_saves_tags(self.tickets[number], [f"category__{category}"])


KINDS = ("memory", "imap", "zendesk", "freshdesk")


@contextmanager
def opened(kind: str, folder: Path, model: Path) -> Iterator[Desk]:
    """A desk of one of KINDS; `imap` has a Dovecot of its own."""
    state = folder / "state"
    if kind == "imap":
        with served("dovecot.sh") as server:
            yield MailDesk(server.account(), state, model)
    elif kind == "zendesk":
        with ZendeskDouble(Hour(datetime.now(UTC) - timedelta(days=1))) as zendesk:
            yield ZendeskDesk(zendesk, state, model)
    elif kind == "freshdesk":
        with FreshdeskDouble() as freshdesk:
            yield FreshdeskDesk(freshdesk, state, model)
    else:
        yield MemoryDesk(state, model)


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
