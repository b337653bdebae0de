"""The real program, run as an operator runs it, on a Maildir."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
BILLING = "I was charged twice this month and my invoice shows the wrong amount. Please correct the bill."


def run(*arguments: str | Path, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """One command; its output and exit code."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**clean, **environment},
    )


@dataclass
class Desk:
    """A Maildir, a state directory and the settings that join them."""

    root: Path
    count: int = 0

    def __post_init__(self) -> None:
        for name in ("new", "cur", "tmp"):
            (self.root / "mail" / name).mkdir(parents=True)
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write the settings, `more` tables included."""
        self.config.write_text(
            f'[daemon]\nstate_dir = "{self.state}"\n'
            f'[sources.desk]\nkind = "folder"\npath = "{self.root / "mail"}"\nstart = "all"\n{more}',
            "utf-8",
        )

    @property
    def config(self) -> Path:
        return self.root / "smartticket.toml"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def deliver(self, subject: str, body: str, **headers: str) -> None:
        """A customer writes."""
        self.count += 1
        mail = EmailMessage()
        mail["From"] = "Ann Ash <ann@customer.example>"
        mail["To"] = "support@example.org"
        mail["Subject"] = subject
        mail["Message-ID"] = f"<{self.count}@customer.example>"
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(body)
        (self.root / "mail" / "new" / f"{1700000000 + self.count}.{self.count}.host").write_bytes(bytes(mail))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command with this desk's settings."""
        return run(*arguments, "--config", self.config, **environment)

    def once(self) -> dict[str, Any]:
        """`run --once`; the ledger."""
        done = self.run("run", "--once", "--json")
        assert done.returncode == 0, done.stderr
        ledger: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["ledger"]["desk"]
        return ledger

    def files(self) -> dict[str, bytes]:
        """Everything below the Maildir, by name."""
        mail = self.root / "mail"
        return {str(f.relative_to(mail)): f.read_bytes() for f in sorted(mail.rglob("*")) if f.is_file()}
