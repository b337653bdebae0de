"""A thousand mixed messages on real servers: exactly one tag each, a draft where applied, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.mixed import check
from tests.mixed import mixed
from tests.servers.mailserver import Server

pytest_plugins = ["tests.servers.fixtures"]
COUNT = 1000


@pytest.mark.parametrize("name", ["dovecot", "cyrus"])
def test_the_mailbox_shows_what_the_ledger_says(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: Server = request.getfixturevalue(name)
    ledger, wrong, _ = check(server.account(), mixed(COUNT), tmp_path / "state")
    assert wrong == []
    assert ledger["seen"] == COUNT
    assert ledger["applied"] > COUNT / 2
