"""A pytest plug-in: the fixture `account`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with ZendeskDouble() as double:
        double.pace = 1
        double.limits["export"].total = 1000
        yield Account(double, tmp_path)
