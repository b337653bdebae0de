"""pytest fixtures: a lying `server`, and `connect`, which makes imap connectors of it and closes them.

A test module asks for them with `pytest_plugins = ["tests.servers.lying_fixture"]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smartticket_connectors.imap import ImapConnector
from tests.servers.lying import LyingServer
from tests.servers.lying_client import TIMEOUT, Connect


@pytest.fixture
def server() -> Iterator[LyingServer]:
    with LyingServer() as one:
        yield one


@pytest.fixture
def connect(server: LyingServer, tmp_path: Path) -> Iterator[Connect]:
    (tmp_path / "secret").write_text("secret")
    made: list[ImapConnector] = []

    def make(to: LyingServer = server, **changes: object) -> ImapConnector:
        values = {
            "host": "127.0.0.1",
            "port": to.port,
            "tls": "none",
            "username": "support@example.org",
            "password_file": tmp_path / "secret",
            "start": "all",
            "timeout": TIMEOUT,
            **changes,
        }
        made.append(ImapConnector("box", ImapConnector.Settings.model_validate(values)))
        return made[-1]

    yield make
    for connector in made:
        connector.close()
