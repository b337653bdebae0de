"""Fixture of the acceptance tests: a mailbox and the program's settings for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.program import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
