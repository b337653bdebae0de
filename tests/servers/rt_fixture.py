"""pytest fixtures for a real RT on loopback: `rt`, one for a worker, and `desk`, a queue of a test's own.

A test module asks for it with `pytest_plugins = ["tests.servers.rt_fixture"]`, and takes a queue of its own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.rt import HERE, RequestTracker
from tests.servers.rt_between import Desk, assert_private


@pytest.fixture(scope="session")
def rt() -> Iterator[RequestTracker]:
    """A Request Tracker."""
    installed = subprocess.run([str(HERE / "install_rt.sh")], capture_output=True, timeout=280)
    if installed.returncode:
        reason = f"Request Tracker: {installed.stderr.decode()[-500:].strip()}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    # RT's database waits for the disk at each write, in memory it does not
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="st-rt-", dir=place))
    folder.chmod(0o755)  # RT's own user must be able to enter it
    server = RequestTracker(folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def desk(rt: RequestTracker) -> Iterator[Desk]:
    """A queue, read through a watcher; nothing of ours may have got out at the end."""
    before = rt.caused_by_us()
    desk = Desk(rt)
    with desk.between:
        yield desk
        assert desk.between.errors == []
        assert_private(desk.between.writes)
    assert rt.caused_by_us() == before
