"""An existing backlog, by the real program: on a Maildir and on a real Dovecot, killed in the middle."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.journal import hold_state
from tests.acceptance.program import BILLING, PROGRAM, Desk, run
from tests.servers.mailserver import Account, Server

pytest_plugins = ["tests.servers.fixtures"]
COUNT = 40
IMPATIENT = {"SMARTTICKET__DAEMON__LEASE": "1ms"}
PATIENCE = 60.0


class Backlog:
    """A mailbox with mail in it, and the settings of a source that begins now."""

    def __init__(self, root: Path) -> None:
        self.config = root / "smartticket.toml"
        self.state = root / "state"

    def drafts(self) -> Counter[str]:
        """How many drafts answer each mail."""
        raise NotImplementedError

    def backfill(self, *options: str) -> subprocess.CompletedProcess[str]:
        return run("backfill", "desk", *options, "--config", self.config, **IMPATIENT)

    def ledger(self) -> dict[str, int]:
        shown = json.loads(run("status", "--json", "--config", self.config).stdout)["sources"]["desk"]
        return {word: shown[word] for word in ("seen", "applied", "skipped", "pending") if shown[word]}

    def killed(self, after: int) -> None:
        """A run that is killed once so many drafts are there."""
        with subprocess.Popen(
            [PROGRAM, "backfill", "desk", "--yes", "--config", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **IMPATIENT},
        ) as process:
            until = time.monotonic() + PATIENCE
            while self.drafts().total() < after and process.poll() is None:
                assert time.monotonic() < until
            process.kill()


def answered(raw: list[bytes]) -> Counter[str]:
    return Counter(message_from_bytes(draft)["In-Reply-To"] for draft in raw)


class OnDisk(Backlog):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.desk = Desk(root)
        self.config.write_text(self.config.read_text().replace('start = "all"', "batch = 10"))
        for n in range(COUNT):
            self.desk.deliver(f"My invoice {n}", BILLING)

    def drafts(self) -> Counter[str]:
        return drafts_of(self.desk)


def drafts_of(desk: Desk) -> Counter[str]:
    folder = desk.root / "mail" / ".Drafts" / "cur"
    return answered([file.read_bytes() for file in folder.glob("*")] if folder.exists() else [])


class OnDovecot(Backlog):
    def __init__(self, root: Path, account: Account) -> None:
        super().__init__(root)
        self.account = account
        env = account.server.env
        source = {"kind": "imap", "host": "localhost", "port": int(env["IMAPS_PORT"]), "batch": 10}
        source |= {"ca_file": env["IMAP_CA"], "username": account.user, "password_file": str(account.secret)}
        lines = [f"{key} = {json.dumps(value)}" for key, value in source.items()]
        self.config.write_text("\n".join([f'[daemon]\nstate_dir = "{self.state}"', "[sources.desk]", *lines]))
        account.deliver(*(invoice(n) for n in range(COUNT)))

    def drafts(self) -> Counter[str]:
        rows = self.account.rows("Drafts", "BODY.PEEK[HEADER]")
        return answered([row[b"BODY[HEADER]"] for row in rows.values()])


def invoice(number: int) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ann@customer.example", "help@example.org", "My invoice"
    mail["Message-ID"] = f"<{number}@customer.example>"
    mail.set_content(BILLING)
    return mail.as_bytes()


@pytest.fixture(params=["maildir", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def backlog(request: pytest.FixtureRequest, tmp_path: Path) -> Backlog:
    if request.param == "maildir":
        return OnDisk(tmp_path)
    server: Server = request.getfixturevalue("dovecot")
    return OnDovecot(tmp_path, server.account())


def test_killed_in_the_middle_again_and_again_nothing_is_lost_and_nothing_done_twice(
    backlog: Backlog,
) -> None:
    for after in (1, COUNT // 2):
        backlog.killed(after)
    assert 0 < backlog.drafts().total() < COUNT
    done = backlog.backfill("--yes", "--json")
    assert done.returncode == 0, done.stderr
    estimate, told = map(json.loads, done.stdout.splitlines())
    assert estimate["estimate"]["tickets"] < COUNT
    assert told["backfill"]["finished"]
    assert set(backlog.drafts().values()) == {1}
    assert len(backlog.drafts()) == COUNT
    assert backlog.ledger() == {"seen": COUNT, "applied": COUNT}
    again = backlog.backfill("--yes")
    assert (again.returncode, "all was met by" in again.stderr) == (0, True)
    assert run("run", "--once", "--config", backlog.config).returncode == 0
    assert backlog.ledger() == {"seen": COUNT, "applied": COUNT}


def test_slices_meet_the_newest_first(backlog: Backlog) -> None:
    assert backlog.backfill("--yes", "--limit", "5").returncode == 0
    newest = {f"<{n}@customer.example>" for n in range(COUNT + 1)} & set(backlog.drafts())
    numbers = sorted(int(name.strip("<>").partition("@")[0]) for name in newest)
    assert len(numbers) == 5
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert numbers[-1] in (COUNT, COUNT - 1)


def test_a_dry_run_writes_nothing_anywhere(backlog: Backlog) -> None:
    shown = backlog.backfill("--dry-run", "--json", "--limit", "7")
    assert shown.returncode == 0, shown.stderr
    estimate, *rows, told = map(json.loads, shown.stdout.splitlines())
    assert estimate["estimate"]["tickets"] == 7
    assert [row["category"] for row in rows] == ["billing"] * 7
    assert told["backfill"] == {
        "source": "desk", "met": 7, "known": 0, "apply": 7, "finished": False, "end": "limit reached",
    }  # fmt: skip
    assert not backlog.state.exists()
    assert backlog.drafts() == {}


# What an operator sees


def on_a_terminal(desk: Desk, answer: str, *options: str) -> tuple[str, int]:
    """The program with a terminal for input and messages; what it showed there, and its exit code."""
    main, side = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "backfill", "desk", *options, "--config", str(desk.config)],
        stdin=side,
        stdout=subprocess.DEVNULL,
        stderr=side,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    ) as process:
        os.close(side)
        shown, asked = b"", False
        for piece in pieces(main):
            shown += piece
            if b"[y/N]" in shown and not asked:
                asked = True
                os.write(main, f"{answer}\n".encode())
    os.close(main)
    return shown.decode(), process.returncode


def pieces(terminal: int) -> Iterator[bytes]:
    """All that is written there, until nobody holds its other side."""
    while True:
        try:
            yield os.read(terminal, 4096)
        except OSError:
            return


def test_it_asks_on_a_terminal_and_shows_how_it_fares(desk: Desk) -> None:
    for n in range(3):
        desk.deliver(f"My invoice {n}", BILLING)
    shown, code = on_a_terminal(desk, "n")
    assert (code, desk.files().keys()) == (1, {f"new/{1700000001 + n}.{1 + n}.host" for n in range(3)})
    assert "Backfill of desk (folder), newest first" in shown
    assert "about 3 tickets" in shown
    assert "tags, routes and internal notes are written (mode suggest)" in shown
    shown, code = on_a_terminal(desk, "y")
    assert (code, "3/3" in shown, "applied 3" in shown) == (0, True, True)
    assert desk.once()["applied"] == 3


def test_usage(desk: Desk) -> None:
    asked = desk.run("backfill", "desk")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    unknown = desk.run("backfill", "another", "--yes")
    assert (unknown.returncode, "there are: desk" in unknown.stderr) == (2, True)
    assert desk.run("backfill", "desk", "--yes", "--limit", "0").returncode == 2
    assert desk.run("backfill", "desk", "--yes", "--since", "soon").returncode == 2


def test_a_state_that_a_daemon_holds_is_left_to_it(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    with hold_state(desk.state):
        held = desk.run("backfill", "desk", "--yes")
    assert (held.returncode, f"process {os.getpid()}" in held.stderr) == (75, True)
    assert desk.run("backfill", "desk", "--dry-run").returncode == 0


def test_a_mailbox_that_is_gone_says_so(desk: Desk) -> None:
    (desk.root / "mail").rename(desk.root / "elsewhere")
    gone = desk.run("backfill", "desk", "--yes")
    assert (gone.returncode, "correct" in gone.stderr) == (78, True)


def test_interrupted_it_ends_cleanly_and_says_how_it_goes_on(desk: Desk) -> None:
    for n in range(COUNT):
        desk.deliver(f"My invoice {n}", BILLING)
    with subprocess.Popen(
        [PROGRAM, "backfill", "desk", "--yes", "--json", "--config", str(desk.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        until = time.monotonic() + PATIENCE
        while drafts_of(desk).total() < 1:
            assert time.monotonic() < until
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 75
    end: dict[str, Any] = json.loads(told.splitlines()[-1])["backfill"]
    assert end["end"] == "stopped: the same command goes on where it stopped"
    assert end["applied"] < COUNT
    assert desk.run("backfill", "desk", "--yes").returncode == 0
    assert set(drafts_of(desk).values()) == {1}
    assert len(drafts_of(desk)) == COUNT
