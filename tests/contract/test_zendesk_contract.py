"""The Zendesk connector keeps the contract, as an administrator and as an agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smartticket_daemon.testing import ConnectorContract, Remote
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account


@pytest.fixture
def double() -> Iterator[ZendeskDouble]:
    with ZendeskDouble() as running:
        running.pace = 1
        running.limits["export"].total = 1000
        yield running


class TestAsAdministrator(ConnectorContract):
    @pytest.fixture
    def remote(self, double: ZendeskDouble, tmp_path: Path) -> Remote:
        return Account(double, tmp_path, step=120)


class TestAsAgent(ConnectorContract):
    @pytest.fixture
    def remote(self, double: ZendeskDouble, tmp_path: Path) -> Remote:
        double.role = "agent"
        return Account(double, tmp_path, step=600)


class TestWithAnApiToken(ConnectorContract):
    @pytest.fixture
    def remote(self, double: ZendeskDouble, tmp_path: Path) -> Remote:
        return Legacy(double, tmp_path)


class Legacy(Account):
    def settings(self, start: str = "all", **more):
        if more:
            return super().settings(start, **more)
        return self.legacy().model_copy(update={"start": start})
