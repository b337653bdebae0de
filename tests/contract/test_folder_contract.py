"""The connector's contract, held against mail on disk in all three formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_daemon.testing import ConnectorContract, Remote
from tests.contract.mailboxes import EmlMailbox, MaildirMailbox, MboxMailbox


class TestMaildir(ConnectorContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        return MaildirMailbox(tmp_path / "mail")


class TestMbox(ConnectorContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        return MboxMailbox(tmp_path / "mail")


class TestEml(ConnectorContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        return EmlMailbox(tmp_path / "mail")
