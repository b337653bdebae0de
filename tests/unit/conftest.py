"""Fixtures of several unit tests: mailboxes on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox, EmlMailbox, MaildirMailbox


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    MaildirMailbox(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def eml(tmp_path: Path) -> Path:
    EmlMailbox(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture(params=FORMATS)
def box(request: pytest.FixtureRequest, tmp_path: Path) -> DiskMailbox:
    return FORMATS[request.param](tmp_path / "mail")
