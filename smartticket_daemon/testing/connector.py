"""ConnectorContract: the one suite that every connector passes.

A test module subclasses it and gives a `remote` fixture: a harness that plays customers and agents at
the service and looks there with its own eyes, never through the connector:

    class TestMyService(ConnectorContract):
        @pytest.fixture
        def remote(self) -> Remote:
            return MyServiceHarness()
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smartticket_daemon.domain import Triage
from smartticket_daemon.ports import Connector
from smartticket_daemon.testing.bulk import BulkContract
from smartticket_daemon.testing.history import HistoryContract
from smartticket_daemon.testing.reading import ReadingContract
from smartticket_daemon.testing.remote import Connect, Remote
from smartticket_daemon.testing.steps import NOTE, TAG
from smartticket_daemon.testing.writing import WritingContract


class ConnectorContract(ReadingContract, WritingContract, HistoryContract, BulkContract):
    """Subclass it, name the subclass `Test...`, and give it the fixture `remote`."""

    @pytest.fixture
    def remote(self) -> Remote:
        """The service, empty."""
        raise NotImplementedError("give a fixture `remote`")

    @pytest.fixture
    def connect(self, remote: Remote) -> Iterator[Connect]:
        """`connect(start)` makes a connector; at the end nothing public may have been written."""
        made: list[Connector] = []

        def make(start: str = "all") -> Connector:
            made.append(remote.connector("contract", remote.settings(start)))
            return made[-1]

        yield make
        for connector in made:
            connector.close()
        assert remote.public() == 0

    @pytest.fixture
    def plan(self, remote: Remote) -> Triage:
        """The full change: tags, route, note."""
        return Triage((TAG, "urgent"), remote.groups[0], NOTE)
