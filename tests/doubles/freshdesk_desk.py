"""What tests need around the double: settings, a connector, and the harness of the connector's contract."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_daemon.testing import Sight
from tests.doubles.freshdesk import KEY, FreshdeskDouble
from tests.doubles.freshdesk_state import CLOSED

_TAG = re.compile(r"<[^>]*>")
_RECORD = re.compile(r"smartticket key=.*$", re.DOTALL)


def settings_for(double: FreshdeskDouble, folder: Path, **more: Any) -> FreshdeskSettings:
    """Right settings for the double; `key` overrides the key in the file."""
    file = folder / "freshdesk-key"
    file.write_text(more.pop("key", KEY) + "\n")
    base: dict[str, Any] = {"url": double.url, "api_key_file": file, "start": "all", "budget": 1}
    return FreshdeskSettings.model_validate(base | more)


def text_of(html: str) -> str:
    """A note as an agent reads it, without the line for ourselves."""
    lines = html.replace("<br>", "\n").replace("</p><p>", "\n\n")
    return _RECORD.sub("", unescape(_TAG.sub("", lines))).replace("\u2060", "").strip()


class FreshdeskHarness:
    """Customers and agents of one account."""

    connector = FreshdeskConnector
    can = frozenset({"close", "answer", "decide", "retract"})
    groups = ("Billing", "Other")

    def __init__(self, double: FreshdeskDouble, folder: Path) -> None:
        self.double = double
        self.account = double.account
        self._folder = folder

    def settings(self, start: str = "all", **more: Any) -> FreshdeskSettings:
        return settings_for(self.double, self._folder, start=start, batch=3, **more)

    def wrong_settings(self) -> FreshdeskSettings:
        folder = self._folder / "wrong"
        folder.mkdir(exist_ok=True)
        return settings_for(self.double, folder, key="not it")

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        return self.account.deliver(subject, body, sender)

    def look(self, ticket: str) -> Sight:
        with self.account.lock:
            there = self.account.ticket(ticket)
            if there.deleted:
                return Sight(False)
            ours = [c for c in there.conversations if c.user == self.account.agent]
            return Sight(
                True,
                frozenset(there.tags),
                self.account.groups.get(there.group or 0),
                tuple(text_of(c.body) for c in ours),
                frozenset({f"status {there.status}"}),
            )

    def public(self) -> int:
        with self.account.lock:
            shown = [c for t in self.account.tickets.values() for c in t.conversations]
            visible = sum(c.user == self.account.agent and not c.private for c in shown)
            return self.double.public + visible

    def agent_tags(self, ticket: str, *tags: str) -> None:
        self.account.agent_tags(ticket, *tags)

    def agent_routes(self, ticket: str, group: str) -> None:
        self.account.agent_routes(ticket, group)

    def agent_closes(self, ticket: str) -> None:
        self.account.agent_sets_status(ticket, CLOSED)

    def agent_answers(self, ticket: str) -> None:
        self.account.agent_answers(ticket)

    def delete(self, ticket: str) -> None:
        self.account.delete(ticket)
