"""Fixtures of several unit tests: a support desk, mailboxes on disk, daemons, an hour, a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from tests.contract.folder_crash import FORMATS
from tests.contract.mailboxes import DiskMailbox, EmlMailbox, MaildirMailbox
from tests.desk import Desk
from tests.doubles.hour import Hour
from tests.unit.daemons import Running


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def late(tmp_path: Path) -> Desk:
    """A source that begins now, and finds a backlog."""
    return Desk(tmp_path, start="now", max_age=timedelta(days=1))


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


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def begin(*args: Any, **options: Any) -> Running:
        running.append(Running(*args, **options))
        return running[-1]

    yield begin
    for daemon in running:
        daemon.end()


@pytest.fixture
def hour() -> Hour:
    return Hour()


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
