"""pytest fixtures for real IMAP servers: `dovecot` and `cyrus`, one of each for a worker, on loopback.

A test module asks for them with `pytest_plugins = ["tests.servers.fixtures"]` and takes an account of its own
from the server: `dovecot.account()`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.servers.mailserver import HERE, Server, served


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Server]:
    """A Dovecot."""
    yield from _served("dovecot.sh")


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Server]:
    """A Cyrus."""
    yield from _served("cyrus.sh")


def _served(script: str) -> Iterator[Server]:
    installed = subprocess.run([str(HERE / "install.sh")], capture_output=True, timeout=280)
    if installed.returncode:
        _absent(f"{script}: {installed.stderr.decode()[-500:].strip()}")
    with served(script) as server:
        yield server


def _absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
