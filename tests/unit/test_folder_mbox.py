"""One mbox file: found messages, replaced files, and the locks of others."""

from __future__ import annotations

import mailbox
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from smartticket_connectors.folder import FolderConnector, locks, mbox_file
from smartticket_connectors.folder.mbox_file import MboxFile
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_daemon.domain import Message, Triage
from smartticket_daemon.errors import ConfigurationError, TransientError
from tests.samples import ROOT

LINE = b"From ann@x.example Mon Nov  2 09:00:00 2026\n"
MAIL = LINE + b"From: ann@x.example\nSubject: Bill\nMessage-ID: <%d@x.example>\n\n%s\n\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "support"


def write(path: Path, *bodies: bytes, first: int = 1) -> None:
    with path.open("ab") as file:
        file.writelines(MAIL % (number, body) for number, body in enumerate(bodies, first))


def connector(path: Path, **settings: object) -> FolderConnector:
    return FolderConnector("desk", FolderSettings(path=path, **{"start": "all", **settings}))


def messages(desk: FolderConnector) -> list[Message]:
    return [message for batch in desk.fetch(None) for message in batch.messages]


def test_quoted_from_lines_belong_to_the_text(path: Path) -> None:
    write(path, b"one\n\n>From here on\n>>From there\nFrom a line without a blank one before", b"two")
    bodies = [message.body for message in messages(connector(path))]
    assert bodies[0].splitlines()[2:4] == ["From here on", ">From there"]
    assert len(bodies) == 2


@pytest.mark.parametrize("chunk", range(8, 60))
def test_a_message_is_found_wherever_a_chunk_ends(
    path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox_file, "_CHUNK", chunk)
    write(path, b"one", b"", b"two\r\n\r", b"three\n\n\n", b"four")
    with path.open("ab") as file:
        file.write((MAIL % (9, b"crlf")).replace(b"\n", b"\r\n") + MAIL % (10, b"last"))
    spans = list(MboxFile(path).index().values())
    raw = path.read_bytes()
    assert [raw[s.start : s.header].strip() for s in spans] == [LINE.strip()] * 7
    assert [s.end for s in spans] == [s.start for s in spans[1:]] + [len(raw)]


def test_the_time_of_arrival_is_that_of_the_from_line(path: Path) -> None:
    path.write_bytes(
        MAIL % (1, b"one") + b"From nobody\nSubject: x\n\ntext\n\nFrom a b 99 x 99:99\nSubject: y\n\ny\n"
    )
    os.utime(path, (1_700_000_000, 1_700_000_000))
    times = [message.created.isoformat() for message in messages(connector(path))]
    assert times == ["2026-11-02T09:00:00+00:00", *["2023-11-14T22:13:20+00:00"] * 2]


@pytest.mark.parametrize("content", [b"Subject: no mbox\n\ntext\n", b"\0" * 4096, b"\n\nFrom x\n"])
def test_another_file_is_no_mbox(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError):
        messages(connector(path))


def test_a_missing_spool_is_an_empty_one(path: Path) -> None:
    desk = connector(path, format="mbox")
    assert messages(desk) == []
    write(path, b"one")
    assert len(messages(desk)) == 1


def test_status_and_order_of_others_stay(path: Path) -> None:
    path.write_bytes(
        b"".join(MAIL.replace(b"Subject", b"Status: O\nSubject") % (n, b"%d" % n) for n in range(3))
    )
    path.chmod(0o640)
    desk = connector(path)
    ref = messages(desk)[1].ref
    desk.apply(ref, Triage(route="Billing"), ref.key)
    raw = [MAIL.replace(b"Subject", b"Status: O\nSubject") % (n, b"%d" % n) for n in range(3)]
    assert path.read_bytes() == raw[0] + raw[2]
    assert path.with_name("Billing").read_bytes() == raw[1]
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_read_by_an_index_kept_up_is_what_is_read_anew(path: Path) -> None:
    """Random deliveries, removals and moves by others and by us."""
    dice = random.Random(7)
    file, other = MboxFile(path), MboxFile(path.with_name("other"))
    for number in range(150):
        write(path, *[b"x" * dice.randrange(50)] * dice.randrange(3), first=number * 10)
        names = list(file.index())
        deed = dice.randrange(4)
        if names and deed == 0:
            with file.locked():
                file.replace(without=dice.choice(names))
        elif names and deed == 1:
            with file.locked(), other.locked():
                other.replace(plus=file.pieces(dice.choice(names)))
        elif names and deed == 2:
            foreign = mailbox.mbox(path)
            foreign.remove(dice.randrange(len(names)))
            foreign.close()
        for known in (file, other):
            anew = MboxFile(known._path).index()
            assert list(known.index().values()) == list(anew.values())
            assert [n.split(".")[0] for n in known.index()] == [n.split(".")[0] for n in anew]
    assert len(other.index()) > 10


def test_another_programs_locks_are_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.2)
    write(path, b"one")
    desk = connector(path)
    ref = messages(desk)[0].ref
    lock = path.with_name("support.lock")
    lock.write_text(f"{os.getpid()}:{socket.gethostname()}")
    with pytest.raises(TransientError):
        desk.apply(ref, Triage(route="Billing"), ref.key)
    lock.unlink()
    holder = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print(flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdin
        child.stdout.readline()
        with pytest.raises(TransientError):
            messages(connector(path))
        child.stdin.write(b"\n")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "Billing", "support", "support.smartticket-tags",
    ]  # fmt: skip
    desk.apply(ref, Triage(route="Billing"), ref.key)
    assert path.read_bytes() == b""


def test_a_lock_that_a_dead_program_left_is_removed(path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock = path.with_name("support.lock")
    lock.write_text(f"{dead.pid}:{socket.gethostname()}")
    with locks.dot_locked(path):
        assert lock.read_text() == f"{os.getpid()}:{socket.gethostname()}\n"
    lock.write_text("somebody else's, forgotten")
    os.utime(lock, (0, 0))
    with locks.dot_locked(path):
        pass
    assert not lock.exists()


def test_a_program_that_takes_no_lock_loses_nothing(path: Path) -> None:
    write(path, b"one", b"two")
    file = MboxFile(path)
    name = next(iter(file.index()))

    def late() -> object:
        write(path, b"late", first=7)
        yield b""

    with pytest.raises(TransientError), file.locked():
        file.replace(without=name, plus=late())  # type: ignore[arg-type]
    assert len(MboxFile(path).index()) == 3


def test_memory_does_not_grow_with_the_file(path: Path) -> None:
    size = 300 * 1024 * 1024
    with path.open("wb") as file:
        file.write(MAIL % (1, b"small") + MAIL % (2, b"x"))
        file.truncate(size)
    script = """
import resource, sys
from tests.unit.test_folder_mbox import MboxFile, Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
file = MboxFile(Path(sys.argv[1]))
with file.locked():
    file.replace(without=next(iter(file.index())))
print(len(file.index()))
"""
    child = [sys.executable, "-c", script, str(path), str(size)]
    done = subprocess.run(child, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "1", done.stderr
