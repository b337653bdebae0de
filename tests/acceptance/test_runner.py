"""`smartticket run` as a service manager meets it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.program import BILLING, PROGRAM, Desk, run

PATIENCE = 60


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def wait_for(self, wanted: str) -> list[str]:
        """All that is said up to `wanted`."""
        said: list[str] = []
        while wanted not in said:
            said += self._socket.recv(4096).decode().split("\n")
        return [line for line in said if line]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    listening = Manager(tmp_path_factory.mktemp("m") / "notify")
    yield listening
    listening.close()


@pytest.fixture
def daemon(desk: Desk, manager: Manager) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> subprocess.Popen[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
        env = {**clean, "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "300000", **environment}
        command = [PROGRAM, "run", "--config", str(desk.config)]
        started.append(subprocess.Popen(command, stderr=-1, stdout=-1, text=True, env=env))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_life_in_good_order(
    desk: Desk, manager: Manager, daemon: Callable[..., subprocess.Popen[str]]
) -> None:
    desk.deliver("My invoice is wrong", BILLING)
    process = daemon()
    said = manager.wait_for("READY=1")
    assert "WATCHDOG=1" not in said
    manager.wait_for("WATCHDOG=1")
    manager.wait_for("WATCHDOG=1")
    while not list((desk.root / "mail").glob(".Drafts/cur/*")):
        manager.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in errors.splitlines()]
    assert [e["event"] for e in events if e["event"] in ("ready", "stopping")] == ["ready", "stopping"]
    assert "invoice" not in errors
    assert "ann@customer.example" not in errors
    assert desk.once() == {
        "seen": 1, "applied": 1, "observed": 0, "abstained": 0, "skipped": 0, "quarantined": 0, "pending": 0,
    }  # fmt: skip


def test_a_second_daemon_ends_at_once_and_names_the_first(
    desk: Desk, manager: Manager, daemon: Callable[..., subprocess.Popen[str]]
) -> None:
    first = daemon()
    manager.wait_for("READY=1")
    second = desk.run("run", "--once")
    assert second.returncode == 75
    assert str(first.pid) in second.stderr
    assert str(desk.state) in second.stderr
    assert first.poll() is None


def test_what_it_had_in_hand_when_it_was_killed_is_taken_up_again(
    desk: Desk, manager: Manager, daemon: Callable[..., subprocess.Popen[str]]
) -> None:
    first = daemon()
    manager.wait_for("READY=1")
    first.kill()
    first.wait(PATIENCE)
    desk.deliver("My invoice is wrong", BILLING)
    assert desk.once()["applied"] == 1


def test_wrong_settings_are_told_all_at_once(desk: Desk) -> None:
    desk.configure(
        '[policy]\nmode = "shout"\n[sources.other]\nkind = "pigeon"\n'
        '[sources.third]\nkind = "folder"\npaht = "x"\n'
    )
    done = desk.run("run", "--once")
    assert done.returncode == 78
    for problem in ("mode", "pigeon", "paht"):
        assert problem in done.stderr, done.stderr
    assert not desk.state.exists()


def test_without_a_source_there_is_nothing_to_run(tmp_path: Path) -> None:
    config = tmp_path / "empty.toml"
    config.write_text(f'[daemon]\nstate_dir = "{tmp_path / "state"}"\n', "utf-8")
    done = run("run", "--once", "--config", config)
    assert done.returncode == 78
    assert "[sources." in done.stderr


def test_a_broken_source_does_not_stop_the_other_one(desk: Desk) -> None:
    desk.configure(f'[sources.broken]\nkind = "folder"\npath = "{desk.root / "nowhere"}"\nstart = "all"\n')
    desk.deliver("My invoice is wrong", BILLING)
    done = desk.run("run", "--once", "--json")
    assert done.returncode == 78, done.stderr
    ledger = json.loads(done.stdout.splitlines()[-1])["ledger"]
    assert (ledger["desk"]["applied"], ledger["desk"]["pending"]) == (1, 0)
    assert ledger["broken"]["seen"] == 0
    status = json.loads(desk.run("status", "--json").stdout)["sources"]
    assert status["desk"]["applied"] == 1


def test_a_server_that_refuses_connections_is_unavailable_and_the_other_source_is_done(desk: Desk) -> None:
    (desk.root / "password").write_text("secret", "utf-8")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        desk.configure(
            f'[sources.away]\nkind = "imap"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
            f'username = "ann"\npassword_file = "{desk.root / "password"}"\n'
        )
        desk.deliver("My invoice is wrong", BILLING)
        done = desk.run("run", "--once", "--json")
    assert done.returncode == 69, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["ledger"]["desk"]["applied"] == 1
    assert "secret" not in done.stderr
