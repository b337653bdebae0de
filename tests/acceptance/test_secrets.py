"""Credentials stay where they are: not in a log, the journal, an error, a command line or a note."""

from __future__ import annotations

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.program import BILLING, PROGRAM, Desk
from tests.doubles.freshdesk import KEY, FreshdeskDouble
from tests.doubles.hour import Hour
from tests.doubles.server import Fault, Reply, Request
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account

PATIENCE = 60
COMMANDS = (
    ("check",), ("run", "--once", "--json"), ("run", "--once", "--dry-run", "--json"), ("status", "--json"),
    ("reconcile", "--json"), ("config", "show"), ("quarantine", "list"),
)  # fmt: skip


@dataclass
class Helpdesks:
    """Both services, the settings that name them, and every secret by which they know us."""

    desk: Desk
    zendesk: ZendeskDouble
    freshdesk: FreshdeskDouble

    @property
    def secrets(self) -> list[str]:
        basic = b64encode(f"{KEY}:X".encode()).decode()
        return [self.zendesk.secret, KEY, basic, *self.zendesk.tokens]

    def run(self, *arguments: str) -> bytes:
        """All that a command says, and the words of its command line as others on the machine see them."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
        command = [PROGRAM, *arguments, "--config", str(self.desk.config)]
        process = subprocess.Popen(command, stdout=-1, stderr=-1, env=clean)
        line = b""
        with suppress(OSError):
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        output, errors = process.communicate(timeout=PATIENCE)
        return line + output + errors

    def kept(self) -> bytes:
        """Every byte that the daemon left on the disk."""
        return b"".join(path.read_bytes() for path in self.desk.state.rglob("*") if path.is_file())

    def notes(self) -> bytes:
        said = [c.body for t in self.freshdesk.account.tickets.values() for c in t.conversations]
        said += [str(n) for number in self.zendesk.tickets for n in self.zendesk.notes(number)]
        return "\n".join(said).encode()

    def trouble(self, fault: Fault | None) -> None:
        self.zendesk.trouble = self.freshdesk.trouble = lambda request: fault

    def echo(self, status: int) -> None:
        """From now on the services answer with what they were sent, credentials and all."""

        def told(request: Request) -> Fault:
            headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
            return Fault(Reply(status, headers.encode() + b"\n" + request.body, {"X-Echo": headers[:500]}))

        self.zendesk.trouble = self.freshdesk.trouble = told


@pytest.fixture
def helpdesks(desk: Desk, tmp_path: Path) -> Iterator[Helpdesks]:
    hour = Hour(datetime.now(UTC))
    with ZendeskDouble(hour) as zendesk, FreshdeskDouble() as freshdesk:
        account = Account(zendesk, tmp_path)
        secret, key = account.secret("secret", zendesk.secret), account.secret("key", KEY)
        desk.configure(
            f'[sources.acme]\nkind = "zendesk"\nurl = "{zendesk.url}"\nclient_id = "triage"\n'
            f'client_secret_file = "{secret}"\nstart = "all"\n'
            f'[sources.fresh]\nkind = "freshdesk"\nurl = "{freshdesk.url}"\n'
            f'api_key_file = "{key}"\nstart = "all"\n'
        )
        account.deliver("My invoice is wrong", BILLING)
        freshdesk.account.deliver("My invoice is wrong", BILLING)
        yield Helpdesks(desk, zendesk, freshdesk)


def hidden(helpdesks: Helpdesks, said: bytes) -> bool:
    everything = said + helpdesks.kept() + helpdesks.notes()
    return not any(secret.encode() in everything for secret in helpdesks.secrets)


def test_no_secret_is_told_in_good_times(helpdesks: Helpdesks) -> None:
    said = b"".join(helpdesks.run(*command) for command in COMMANDS)
    assert b'"applied":1' in said.replace(b" ", b"")
    assert helpdesks.zendesk.tokens
    assert hidden(helpdesks, said)


@pytest.mark.parametrize("status", [200, 401])
def test_no_secret_is_told_when_the_service_sends_it_back(helpdesks: Helpdesks, status: int) -> None:
    helpdesks.run("run", "--once")
    helpdesks.echo(status)
    said = helpdesks.run("check") + helpdesks.run("run", "--once")
    assert said
    assert hidden(helpdesks, said)


def test_no_secret_is_told_when_nobody_answers(helpdesks: Helpdesks) -> None:
    helpdesks.trouble(Fault(refused=True))
    assert hidden(helpdesks, helpdesks.run("check") + helpdesks.run("run", "--once"))
