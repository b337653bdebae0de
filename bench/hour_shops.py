"""The two services of the simulated hour: their limits, their tickets, and what stands there in the end."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from bench.hour_trouble import Trouble
from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_daemon.ports import Connector
from tests.doubles.freshdesk import KEY, FreshdeskDouble
from tests.doubles.freshdesk_desk import settings_for
from tests.doubles.hour import Hour
from tests.doubles.server import Reply, Request, Server
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account, group_id

TAG = "category__billing"
SUBJECT, BODY = "billing 0.95", "My last invoice lists the same item twice."


class Shop(ABC):
    """One account at a service, with trouble in front of it. `updates` is the vendor's limit a minute."""

    updates: int
    writes_goal: float
    double: Server

    def __init__(self, hour: Hour, trouble: Trouble, updates: int | None = None) -> None:
        self.hour, self.trouble = hour, trouble
        self.updates = updates or self.updates

    @abstractmethod
    def create(self) -> str:
        """A customer writes; the ticket's name."""

    @abstractmethod
    def connector(self, folder: Path, budget: float) -> Connector:
        """Ours, living by the virtual clock."""

    @abstractmethod
    def standing(self, ticket: str) -> tuple[int, bool]:
        """How many notes of ours, and whether tag and group are there."""

    @abstractmethod
    def naive(self, ticket: str) -> tuple[dict[str, str], list[tuple[str, str, Any]]]:
        """Headers, and the calls of one who does a thing at a time: read, tags, comment, field."""

    @abstractmethod
    def unlimited(self) -> None:
        """No limits and no trouble any more, to see what becomes of the rest."""

    def wrong(self) -> list[str]:
        return [*map(str, self.double.errors), *self.double.violations]  # type: ignore[attr-defined]


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


class Zendesk(Shop):
    """100 updates and 700 requests a minute; both are announced, with the moment when they begin anew."""

    updates, writes_goal = 100, 1.05

    def __init__(self, hour: Hour, trouble: Trouble, updates: int | None = None) -> None:
        super().__init__(hour, trouble, updates)

        class Watched(ZendeskDouble):
            def handle(self, request: Request) -> Reply:
                return trouble.watch(request, super().handle(request))

        self.double: ZendeskDouble = Watched(hour, self.updates, 700)
        self.double.trouble = trouble.strike
        trouble.conflict = self._interfere

    def _interfere(self, request: Request) -> None:
        number = int(request.path.rpartition("/")[2])
        if number in self.double.tickets:
            self.double.change(number, tags=[*self.double.tickets[number].tags, "vip"])

    def create(self) -> str:
        return str(self.double.create(SUBJECT, BODY))

    def connector(self, folder: Path, budget: float) -> Connector:
        return Account(self.double, folder).connect(batch=100, budget=budget)

    def standing(self, ticket: str) -> tuple[int, bool]:
        record = self.double.tickets[int(ticket)]
        return len(self.double.notes(int(ticket))), TAG in record.tags and record.group == group_id("Billing")

    def naive(self, ticket: str) -> tuple[dict[str, str], list[tuple[str, str, Any]]]:
        path = f"/api/v2/tickets/{ticket}"
        changes = (
            {"tags": [TAG]},
            {"comment": {"html_body": "We look into it.", "public": False}},
            {"group_id": group_id("Billing")},
        )
        headers = {"Authorization": _basic(f"{self.double.email}/token:{self.double.api_token}")}
        return headers, [("GET", path, None), *(("PUT", path, {"ticket": change}) for change in changes)]

    def unlimited(self) -> None:
        self.trouble.chance = 0.0
        for limit in self.double.limits.values():
            limit.total = 10**6


class Freshdesk(Shop):
    """80 updates and 20 lists a minute, which nothing announces, and 700 requests, which the headers do."""

    updates, writes_goal = 80, 2.05

    def __init__(self, hour: Hour, trouble: Trouble, updates: int | None = None) -> None:
        super().__init__(hour, trouble, updates)

        class Watched(FreshdeskDouble):
            def handle(self, request: Request) -> Reply:
                return trouble.watch(request, super().handle(request))

        self.double: FreshdeskDouble = Watched(hour.now)
        self.double.limits = {"": 700, "update": self.updates, "list": 20}
        self.double.trouble = trouble.strike

    def create(self) -> str:
        return self.double.account.deliver(SUBJECT, BODY)

    def connector(self, folder: Path, budget: float) -> Connector:
        connector = FreshdeskConnector("support", settings_for(self.double, folder, budget=budget))
        connector._api.session.clock = self.hour.clock()
        return connector

    def standing(self, ticket: str) -> tuple[int, bool]:
        there, account = self.double.account.ticket(ticket), self.double.account
        notes = sum(said.user == account.agent for said in there.conversations)
        return notes, TAG in there.tags and account.groups.get(there.group or 0) == "Billing"

    def naive(self, ticket: str) -> tuple[dict[str, str], list[tuple[str, str, Any]]]:
        path = f"/api/v2/tickets/{ticket}"
        group = next(n for n, name in self.double.account.groups.items() if name == "Billing")
        return {"Authorization": _basic(f"{KEY}:X")}, [
            ("GET", path, None),
            ("PUT", path, {"tags": [TAG]}),
            ("POST", f"{path}/notes", {"body": "We look into it.", "private": True}),
            ("PUT", path, {"group_id": group}),
        ]

    def unlimited(self) -> None:
        self.trouble.chance = 0.0
        self.double.limits = dict.fromkeys(self.double.limits)
