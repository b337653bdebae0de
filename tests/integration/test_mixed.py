"""Mixed messages on real servers: exactly one tag each, a draft where applied, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.mixed import check
from tests.mixed import mixed
from tests.servers.mailserver import Server

pytest_plugins = ["tests.servers.fixtures"]
COUNTS = {"dovecot": 1000, "cyrus": 300}
"""Cyrus takes its time to be given mail; `bench/mixed.py --server cyrus` has the thousand."""


@pytest.mark.parametrize("name", ["dovecot", "cyrus"])
def test_the_mailbox_shows_what_the_ledger_says(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: Server = request.getfixturevalue(name)
    count = COUNTS[name]
    ledger, wrong, _ = check(server.account(), mixed(count), tmp_path / "state")
    assert wrong == []
    assert ledger["seen"] == count
    assert ledger["applied"] > count / 2
