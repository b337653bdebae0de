"""The connector's contract, held against a real Request Tracker."""

from __future__ import annotations

import pytest

from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_daemon.ports import Connector
from smartticket_daemon.testing import ConnectorContract, Remote, Sight
from tests.servers.rt import US, RequestTracker, comments, first_mail

pytest_plugins = ["tests.servers.rt_fixture"]


class Harness:
    """Customers and agents of one queue."""

    connector: type[Connector] = RequestTrackerConnector
    can = frozenset({"close", "answer", "decide"})
    groups = ("Billing", "Complaints")

    def __init__(self, rt: RequestTracker) -> None:
        self.rt = rt
        self.queue = rt.new_queue()
        self._before = rt.caused_by_us()

    def settings(self, start: str = "all") -> RequestTrackerSettings:
        return self.rt.settings(queues=[self.queue], start=start, batch=3)

    def wrong_settings(self) -> RequestTrackerSettings:
        wrong = self.rt.folder / "wrong.secret"
        wrong.write_text("1-14-0123456789abcdef\n")
        return self.settings().model_copy(update={"token_file": wrong})

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        self.rt.mail(first_mail(subject, body, sender).as_bytes(), self.queue)
        return self.rt.newest(self.queue)

    def look(self, ticket: str) -> Sight:
        row = self.rt.ask("GET", f"/ticket/{ticket}?fields%5BQueue%5D=Name")
        if row["Status"] == "deleted":
            return Sight(False)
        tags = frozenset(value for field in row["CustomFields"] for value in field["values"])
        notes = tuple(one.text for one in comments(self.rt, ticket) if one.creator == US)
        marks = frozenset((row["Status"], row["Subject"], row["Owner"]["id"]))
        return Sight(True, tags, row["Queue"]["Name"], notes, marks)

    def public(self) -> int:
        return self.rt.caused_by_us() - self._before

    def agent_tags(self, ticket: str, *tags: str) -> None:
        values = sorted(self.look(ticket).tags | set(tags))
        self.rt.ask("PUT", f"/ticket/{ticket}", {"CustomFields": {"SmartTicket": values}})

    def agent_routes(self, ticket: str, group: str) -> None:
        self.rt.ask("PUT", f"/ticket/{ticket}", {"Queue": group})

    def agent_closes(self, ticket: str) -> None:
        self.rt.ask("PUT", f"/ticket/{ticket}", {"Status": "resolved"})

    def agent_answers(self, ticket: str) -> None:
        body = {"Content": "We look into it.", "ContentType": "text/plain"}
        self.rt.ask("POST", f"/ticket/{ticket}/correspond", body)

    def delete(self, ticket: str) -> None:
        self.rt.ask("PUT", f"/ticket/{ticket}", {"Status": "deleted"})


class TestOnRequestTracker(ConnectorContract):
    @pytest.fixture
    def remote(self, rt: RequestTracker) -> Remote:
        return Harness(rt)
