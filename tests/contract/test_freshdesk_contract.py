"""The connector's contract, held against the double; every request against the contract of requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smartticket_daemon.testing import ConnectorContract, Remote
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import FreshdeskHarness


class TestFreshdesk(ConnectorContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Iterator[Remote]:
        with FreshdeskDouble() as double:
            yield FreshdeskHarness(double, tmp_path)
            assert double.errors == []
            assert double.violations == []


class TestWithoutTheMomentItself(ConnectorContract):
    """`updated_since` may or may not include its moment; deleted tickets may be gone at once."""

    @pytest.fixture
    def remote(self, tmp_path: Path) -> Iterator[Remote]:
        with FreshdeskDouble() as double:
            double.inclusive = False
            harness = FreshdeskHarness(double, tmp_path)
            harness.delete = lambda ticket: (harness.account.delete(ticket), harness.account.purge(ticket))
            yield harness
            assert double.errors == []
            assert double.violations == []
