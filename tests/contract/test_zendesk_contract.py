"""The Zendesk connector keeps the contract, as an administrator and as an agent."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smartticket_connectors.zendesk import ZendeskConnector
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_daemon.testing import ConnectorContract, Remote, Sight
from tests.doubles.zendesk import GROUPS, ZendeskDouble


class Account:
    """Customers and agents of one account; time passes with everything they do."""

    can = frozenset({"close", "answer", "decide"})
    groups = ("Billing", "Complaints")

    def __init__(self, double: ZendeskDouble, folder: Path, step: float) -> None:
        self.double = double
        self._step = step
        self._folder = folder
        clock = double.hour.clock()

        class Clocked(ZendeskConnector):
            def __init__(self, name: str, settings: ZendeskSettings) -> None:
                super().__init__(name, settings, clock)

        self.connector = Clocked

    def _secret(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(f"{text}\n")
        return str(path)

    def settings(self, start: str = "all", **more: Any) -> ZendeskSettings:
        secret = self._secret("secret", self.double.secret)
        plain = {"url": self.double.url, "client_id": self.double.client, "client_secret_file": secret}
        return ZendeskSettings.model_validate({**plain, "start": start, "batch": 3, "budget": 1, **more})

    def wrong_settings(self) -> ZendeskSettings:
        return self.settings(client_secret_file=self._secret("wrong", "guessed"))

    def _passes(self) -> None:
        self.double.hour.forward(self._step)

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        number = self.double.create(subject, body, sender)
        self._passes()
        return str(number)

    def look(self, ticket: str) -> Sight:
        record = self.double.tickets[int(ticket)]
        if record.status == "deleted":
            return Sight(False)
        notes = tuple(shown(note["html_body"]) for note in self.double.notes(int(ticket)))
        group = GROUPS[record.group] if record.group else None
        return Sight(True, frozenset(record.tags), group, notes)

    def public(self) -> int:
        assert self.double.violations == []
        return self.double.public

    def agent_tags(self, ticket: str, *tags: str) -> None:
        record = self.double.tickets[int(ticket)]
        self.double.change(int(ticket), tags=[*record.tags, *tags])
        self._passes()

    def agent_routes(self, ticket: str, group: str) -> None:
        number = next(number for number, name in GROUPS.items() if name == group)
        self.double.change(int(ticket), group=number)
        self._passes()

    def agent_closes(self, ticket: str) -> None:
        self.double.change(int(ticket), status="closed")
        self._passes()

    def agent_answers(self, ticket: str) -> None:
        self.double.speak(int(ticket))
        self._passes()

    def delete(self, ticket: str) -> None:
        self.double.change(int(ticket), status="deleted")
        self._passes()


def shown(text: str) -> str:
    """What a reader of the note sees."""
    plain = re.sub(r"</p>\s*<p>", "\n\n", text).replace("<br>", "\n")
    return html.unescape(re.sub(r"</?p>", "", plain)).replace("\u2060", "")


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
