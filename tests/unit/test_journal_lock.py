"""One daemon for each state directory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from smartticket_daemon.errors import JournalError, StateHeld
from smartticket_daemon.journal import hold_state, holder, open_journal

CHILD = (
    "import sys, pathlib\n"
    "from smartticket_daemon.journal import hold_state\n"
    "with hold_state(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def child(tmp_path: Path):
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_holder_is_told_who_holds_it(child: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(StateHeld) as caught, hold_state(tmp_path):
        pytest.fail("held twice")
    words = str(caught.value)
    for part in (str(tmp_path), f"process {child.pid}", socket.gethostname(), " since 2"):
        assert part in words
    assert caught.value.exit_code == 75


def test_a_holder_that_is_killed_holds_nothing(child: subprocess.Popen[str], tmp_path: Path) -> None:
    child.kill()
    child.wait()
    with hold_state(tmp_path):
        assert f"process {os.getpid()} " in holder(tmp_path).words  # type: ignore[union-attr]


def test_the_journal_is_readable_while_held(child: subprocess.Popen[str], tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    assert (journal.ledger(), journal.quarantined()) == ({}, [])
    journal.close()
    assert f"process {child.pid}" in holder(tmp_path).words  # type: ignore[union-attr]


def test_it_is_free_again_after_the_block(tmp_path: Path) -> None:
    state = tmp_path / "new"
    assert holder(state) is None
    with hold_state(state), pytest.raises(StateHeld), hold_state(state):
        pytest.fail("held twice by one process")
    assert holder(state) is None
    with pytest.raises(KeyError), hold_state(state):
        raise KeyError
    with hold_state(state):
        assert (state / "daemon.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{}", "nonsense", '{"pid": 1}', "[]", "\x00" * 50])
def test_an_unsigned_lock_is_told_apart(child: subprocess.Popen[str], tmp_path: Path, content: str) -> None:
    (tmp_path / "daemon.lock").write_text(content)
    with pytest.raises(StateHeld, match="another SmartTicket has just started"), hold_state(tmp_path):
        pytest.fail("held twice")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="set another state_dir"), hold_state(tmp_path / "file"):
        pytest.fail("held a file")
