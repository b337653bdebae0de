"""A real IMAP server worked by its script, and accounts on it as a person sees them."""

from __future__ import annotations

import itertools
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from smartticket_connectors.imap.settings import ImapSettings

HERE = Path(__file__).parent
PASSWORD = "secret"


class Server:
    """A running server in a folder of its own, worked by its script."""

    def __init__(self, script: str, folder: Path) -> None:
        self._script = HERE / script
        self.folder = folder
        self._numbers = itertools.count(1)
        self.env = self._start()

    def run(self, verb: str, *args: str, given: bytes = b"") -> str:
        """One verb of the script; see its head."""
        done = subprocess.run(
            [str(self._script), verb, str(self.folder), *args], input=given, capture_output=True, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{self._script.name} {verb}: {done.stderr.decode()[-2000:]}")
        return done.stdout.decode().strip()

    def account(self) -> Account:
        """A new, empty account."""
        name = f"user{next(self._numbers)}"
        if self._script.name == "cyrus.sh":
            self.run("adduser", name)
        secret = self.folder / f"{name}.secret"
        secret.write_text(PASSWORD)
        return Account(self, name, secret)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> Mapping[str, str]:
        # the server keeps the pipes it is born with open: its output goes to a file
        with (self.folder / "start.log").open("wb") as out:
            subprocess.run(
                [str(self._script), "start", str(self.folder)], stdout=out, stderr=out, timeout=60, check=True
            )
        lines = (self.folder / "env").read_text().split()
        return dict(line.split("=", 1) for line in lines)


@contextmanager
def served(script: str) -> Iterator[Server]:
    """A server of our own for the length of the block, installed already."""
    # the server's own user must be able to enter its folder, and a socket's path must be short
    folder = Path(tempfile.mkdtemp(prefix="st-"))
    folder.chmod(0o755)
    server = Server(script, folder)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Account:
    """One mailbox, seen with a person's eyes: never through the connector."""

    server: Server
    user: str
    secret: Path
    extra: dict[str, Any] = field(default_factory=dict)

    def settings(self, **changes: Any) -> ImapSettings:
        """Settings of a source on this account, over TLS."""
        values: dict[str, Any] = {
            "host": "localhost",
            "port": int(self.server.env["IMAPS_PORT"]),
            "ca_file": self.server.env["IMAP_CA"],
            "username": self.user,
            "password_file": str(self.secret),
            "own_addresses": ["support@example.org"],
            "start": "all",
            "timeout": "20s",
        }
        return ImapSettings.model_validate({**values, **changes})

    @contextmanager
    def client(self, folder: str | None = None) -> Iterator[IMAPClient]:
        """A connection of a person's mail program, with `folder` open."""
        context = ssl.create_default_context(cafile=self.server.env["IMAP_CA"])
        with IMAPClient(
            "localhost", int(self.server.env["IMAPS_PORT"]), ssl_context=context, timeout=20
        ) as client:
            client.login(self.user, PASSWORD)
            if folder:
                client.select_folder(folder)
            yield client

    def deliver(self, *mails: bytes, folder: str = "INBOX", when: datetime | None = None) -> None:
        """New mail arrives."""
        with self.client() as client:
            for mail in mails:
                client.append(folder, mail, msg_time=when)

    def rows(self, folder: str, *items: str) -> dict[int, dict[bytes, Any]]:
        """FETCH of everything in a folder; nothing where there is no such folder."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return {}
            client.select_folder(folder, readonly=True)
            return dict(client.fetch(client.search(), list(items)))
