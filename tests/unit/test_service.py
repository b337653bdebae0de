import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartticket_daemon.service import Service, Stop


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's end of $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def heard(manager: socket.socket, count: int) -> list[str]:
    return [manager.recv(1000).decode().strip() for _ in range(count)]


def test_the_manager_hears_of_every_stage(manager: socket.socket) -> None:
    service = Service()
    service.ready("2 sources")
    service.alive()
    service.stopping()
    assert heard(manager, 4) == ["READY=1", "STATUS=2 sources", "WATCHDOG=1", "STOPPING=1"]


def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service = Service()
    service.ready("nobody listens")
    service.alive()


def test_a_manager_that_went_away_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    Service().alive()


@pytest.mark.parametrize(
    ("patience", "beat"), [("30000000", 10.0), ("3000000", 1.0), ("120000000", 10.0), ("0", 10.0), ("", 10.0)]
)
def test_the_watchdog_is_fed_three_times_in_its_patience(
    monkeypatch: pytest.MonkeyPatch, patience: str, beat: float
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", patience)
    assert Service().beat == beat


def test_asking_for_a_stop_wakes_those_who_wait() -> None:
    stop = Stop()
    assert not stop()
    threading.Timer(0.05, stop.ask, (70,)).start()
    assert stop.wait(20)
    assert stop()
    stop.ask(78)
    assert stop.code == 70


_CHILD = """
import sys
from smartticket_daemon.service import Stop
stop = Stop()
stop.install()
print("ready", flush=True)
while not stop.wait(0.001):
    pass
print("asked", flush=True)
sys.stdin.read()
sys.exit(stop.code)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _CHILD]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=os.environ.copy()) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_stop_in_good_order(child: subprocess.Popen[str], number: int) -> None:
    child.send_signal(number)
    assert child.stdout
    assert child.stdout.readline() == "asked\n"
    child.communicate("", timeout=10)
    assert child.returncode == 0


def test_a_second_signal_ends_the_process_at_once(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGTERM)
    assert child.stdout
    assert child.stdout.readline() == "asked\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 128 + signal.SIGTERM


def test_a_signal_inside_the_waiting_never_locks_up() -> None:
    """The main thread waits in a tight loop, so signals often meet it inside the event's own lock."""
    for _ in range(10):
        command = [sys.executable, "-S", "-c", _CHILD.replace("0.001", "0")]
        with subprocess.Popen(
            command, stdin=-1, stdout=-1, text=True, cwd=Path(__file__).parents[2]
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            process.communicate("", timeout=10)
            assert process.returncode == 0
