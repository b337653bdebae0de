"""People of one Zendesk account, and connectors to it that live by the double's clock."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from smartticket_connectors.zendesk import ZendeskConnector
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_daemon.domain import Message, MessageRef
from smartticket_daemon.testing import Sight
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_state import GROUPS


class Account:
    """The harness of the connector contract. `step` are the seconds that pass with each deed."""

    can = frozenset({"close", "answer", "decide"})
    groups = ("Billing", "Complaints")

    def __init__(self, double: ZendeskDouble, folder: Path, step: float = 120) -> None:
        self.double = double
        self._step = step
        self._folder = folder
        clock = double.hour.clock()

        class Clocked(ZendeskConnector):
            def __init__(self, name: str, settings: ZendeskSettings) -> None:
                super().__init__(name, settings, clock)

        self.connector = Clocked

    def secret(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(f"{text}\n")
        return str(path)

    def settings(self, start: str = "all", **more: Any) -> ZendeskSettings:
        secret = self.secret("secret", self.double.secret)
        oauth = {"client_id": self.double.client, "client_secret_file": secret}
        plain = {"url": self.double.url, "start": start, "batch": 3, "budget": 1, **oauth, **more}
        return ZendeskSettings.model_validate(
            {name: value for name, value in plain.items() if value is not None}
        )

    def legacy(self) -> ZendeskSettings:
        token = self.secret("token", self.double.api_token)
        return self.settings(
            client_id=None, client_secret_file=None, email=self.double.email, api_token_file=token
        )

    def wrong_settings(self) -> ZendeskSettings:
        return self.settings(client_secret_file=self.secret("wrong", "guessed"))

    def connect(self, start: str = "all", **more: Any) -> ZendeskConnector:
        return self.connector("acme", self.settings(start, **more))

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
        assert self.double.errors == []
        return self.double.public

    def agent_tags(self, ticket: str, *tags: str) -> None:
        record = self.double.tickets[int(ticket)]
        self.double.change(int(ticket), tags=[*record.tags, *tags])
        self._passes()

    def agent_routes(self, ticket: str, group: str) -> None:
        self.double.change(int(ticket), group=group_id(group))
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


def group_id(name: str) -> int:
    return next(number for number, known in GROUPS.items() if known == name)


def shown(text: str) -> str:
    """What a reader of the note sees."""
    plain = re.sub(r"</p>\s*<p>", "\n\n", text).replace("<br>", "\n")
    return html.unescape(re.sub(r"</?p>", "", plain)).replace("\u2060", "")


def read_all(account: Account, start: str = "all", **more: Any) -> dict[str, Message]:
    """The messages of a first reading, by their tickets."""
    batches = account.connect(start, **more).fetch(None)
    return {message.ref.ticket: message for batch in batches for message in batch.messages}


def first(account: Account) -> tuple[ZendeskConnector, MessageRef]:
    """A connector that has just read one new ticket."""
    account.deliver("Hello", "text")
    connector = account.connect()
    return connector, next(m for b in connector.fetch(None) for m in b.messages).ref
