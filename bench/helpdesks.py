"""Helpdesks with an administrator's eyes and agents' hands: never through a connector.

Each stands over a double that holds what happens: agents strike at any request, answers are lost after a
write was carried out, and every look that the connector takes at a ticket is counted.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from bench.crash_life import Place
from smartticket_daemon.http import Clock
from smartticket_daemon.pipeline import Source
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import FreshdeskHarness
from tests.doubles.freshdesk_state import CLOSED, FIRST_ID
from tests.doubles.hour import Hour
from tests.doubles.server import Fault, Reply, Request, Server
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account, group_id
from tests.doubles.zendesk_state import GROUPS, OURS

MACHINE = "no-reply@shop.example"
THEIRS = "category__refund_cancellation"
"""What agents decide on."""
_TICKET = re.compile(r"/tickets?/(\d+)")
_NOWHERE = 15
"""Digits of a number that no ticket has; rights to write are tried out on such a one."""
_SERVING = "process_request_thread"

Strike = Callable[[Request], bool]
"""Called before a request takes effect; True once it has done what it was there for."""


@dataclass(frozen=True)
class Shown:
    """A ticket as an administrator sees it; `notes` are the internal ones of ours."""

    exists: bool
    status: str
    tags: frozenset[str]
    group: str | None
    notes: tuple[str, ...]


class Watch:
    """What goes on between a connector and its service, and what is made to happen there."""

    def __init__(self) -> None:
        self.strikes: list[Strike] = []
        self.losses: list[Fault] = []
        self.lost: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.steps = 0
        self.began: dict[str, int] = {}
        """The step of the look that each ticket's first write rests on."""
        self._looked: dict[str, int] = {}
        self._losing: set[int] = set()

    def trouble(self, request: Request) -> Fault | None:
        """The next answer to a write on a ticket is lost, while there is one to lose."""
        if request.method == "GET" or not ticket_of(request) or not self.losses:
            return None
        self._losing.add(request.number)
        return self.losses.pop(0)

    def before(self, request: Request) -> None:
        self.strikes = [strike for strike in self.strikes if not strike(request)]

    def after(self, request: Request, reply: Reply) -> None:
        """Only a write that took effect can have a lost answer. What intake reads is no look."""
        self.steps += 1
        if not (ticket := ticket_of(request)):
            return
        if request.method == "GET":
            self._looked[ticket] = self.steps
            self.looks[ticket] += "requester" not in request.query.get("include", "")
        elif reply.status < 300:
            self.writes[ticket] += 1
            self.began.setdefault(ticket, self._looked[ticket])
            self.lost[ticket] += request.number in self._losing


def ticket_of(request: Request) -> str:
    """The number of the ticket that a request is about; empty where it is about none."""
    found = _TICKET.search(request.path)
    return found[1] if found and len(found[1]) < _NOWHERE else ""


class Helpdesk(Place):
    """One account. `atomic`: its connector writes all of a triage in one request."""

    routes: ClassVar[dict[str, str]] = {"billing": "Billing", "order_delivery": "Billing"}
    elsewhere: str
    atomic = False
    guards = True
    """Whether the service refuses a change of what has changed since it was read."""
    hides: ClassVar[tuple[str, ...]] = ("merge", "delete")
    """What people do to a ticket that may keep us from ever seeing it."""
    normal_looks = 2
    """How often a ticket is looked at when nothing goes wrong and tags are set."""

    server: Server

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.watch = Watch()
        self.names: list[str] = []

    def arrive(self, subject: str, body: str, kind: str) -> str:
        """A new ticket: of a `customer`, a `machine`, or one that an agent has `decided` before we saw it."""
        sender = MACHINE if kind == "machine" else f"c{len(self.names)}@customer.example"
        name = self.create(subject, body, sender)
        self.names.append(name)
        if kind == "decided":
            self.decide(name)
        return name

    def decide(self, name: str) -> None:
        """An agent sees to a ticket before we do."""
        self.route(name, self.elsewhere)

    def view(self) -> dict[str, Shown]:
        return {name: self.shown(name) for name in self.names}

    @abstractmethod
    def create(self, subject: str, body: str, sender: str) -> str: ...
    @abstractmethod
    def shown(self, name: str) -> Shown: ...
    @abstractmethod
    def public(self) -> int:
        """How much of what we wrote a customer can see, and every request that broke the contract."""

    @abstractmethod
    def set_tags(self, name: str, tags: list[str]) -> None: ...
    @abstractmethod
    def route(self, name: str, group: str) -> None: ...
    @abstractmethod
    def close(self, name: str) -> None: ...
    @abstractmethod
    def merge(self, name: str, into: str) -> None: ...
    @abstractmethod
    def reply(self, name: str) -> None: ...
    @abstractmethod
    def note(self, name: str) -> None: ...
    @abstractmethod
    def delete(self, name: str) -> None: ...
    def wait(self, seconds: float) -> None:
        """Time passes at the service."""

    def still(self) -> AbstractContextManager[Any]:
        return self.server.lock

    def shut(self) -> None:
        self.server.close()

    def settle(self) -> None:
        """Connections are taken in the order they come: behind one of our own nothing is left."""
        address = urlsplit(self.server.url)
        with socket.create_connection((str(address.hostname), int(address.port or 0)), 10) as ours:
            ours.shutdown(socket.SHUT_WR)
            ours.recv(1)
        until = time.monotonic() + 60
        while any(_SERVING in thread.name for thread in threading.enumerate()):
            if time.monotonic() > until:
                raise RuntimeError("a request does not come to its end")
            time.sleep(0.001)


class Watched:
    """Before a double: tells the desk of each request."""

    desk: Helpdesk

    def handle(self, request: Request) -> Reply:
        self.desk.watch.before(request)
        reply: Reply = super().handle(request)  # type: ignore[misc]
        self.desk.watch.after(request, reply)
        return reply


class _Zendesk(Watched, ZendeskDouble): ...


class Zendesk(Helpdesk):
    """Over the double of Zendesk, whose clock moves with each request."""

    kind = "zendesk"
    elsewhere = "Complaints"
    atomic = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server: _Zendesk = _Zendesk()
        self.server.desk = self
        self.server.pace = 1
        self.server.limits["export"].total = 1_000_000
        self.server.trouble = self.watch.trouble  # type: ignore[assignment]
        self._account = Account(self.server, folder, step=0)

    def settings(self) -> str:
        secret = self._account.secret("secret", self.server.secret)
        return (
            f'url = "{self.server.url}"\nclient_id = "{self.server.client}"\n'
            f'client_secret_file = "{secret}"\nbatch = 5\nbudget = 1\n'
        )

    def attune(self, source: Source) -> None:
        source.connector._desk.session.clock = self.server.hour.clock()  # type: ignore[attr-defined]

    def wait(self, seconds: float) -> None:
        self.server.hour.forward(seconds)

    def create(self, subject: str, body: str, sender: str) -> str:
        return str(self.server.create(subject, body, sender))

    def shown(self, name: str) -> Shown:
        with self.server.lock:
            record = self.server.tickets[int(name)]
            notes = tuple(str(note["id"]) for note in self.server.notes(record.id))
            group = GROUPS[record.group] if record.group else None
            return Shown(record.status != "deleted", record.status, frozenset(record.tags), group, notes)

    def public(self) -> int:
        audits = [a for record in self.server.tickets.values() for a in record.audits]
        events = [e for a in audits for e in a["events"] if e["type"] == "Comment" and e["public"]]
        ours = sum(event["author_id"] == OURS for event in events)
        return self.server.public + ours + len(self.server.violations) + len(self.server.errors)

    def set_tags(self, name: str, tags: list[str]) -> None:
        self.server.change(int(name), tags=sorted(tags))

    def route(self, name: str, group: str) -> None:
        self.server.change(int(name), group=group_id(group) if group else None)

    def close(self, name: str) -> None:
        self.server.change(int(name), status="closed")

    def merge(self, name: str, into: str) -> None:  # noqa: ARG002 - the tag is all that shows
        tags = [*self.server.tickets[int(name)].tags, "closed_by_merge"]
        self.server.change(int(name), status="closed", tags=tags)

    def reply(self, name: str) -> None:
        self.server.speak(int(name))

    def note(self, name: str) -> None:
        self.server.speak(int(name), public=False)

    def delete(self, name: str) -> None:
        self.server.change(int(name), status="deleted")


class _Freshdesk(Watched, FreshdeskDouble): ...


class Freshdesk(Helpdesk):
    """Over the double of Freshdesk, at a clock that moves with each request; its list lags behind."""

    kind = "freshdesk"
    elsewhere = "Elsewhere"
    guards = False

    def __init__(self, folder: Path, field: str = "") -> None:
        super().__init__(folder)
        self.hour = Hour()
        self.server: _Freshdesk = _Freshdesk(self.hour.now)
        self.server.desk = self
        self.server.trouble = self.watch.trouble
        self.server.before = lambda _: self.hour.forward(1)
        self.server.lag = lambda ticket: ticket.id % 5
        self.server.account.groups[FIRST_ID + 12] = self.elsewhere
        self._field = field
        self._account = self.server.account
        self._harness = FreshdeskHarness(self.server, folder)

    def settings(self) -> str:
        file = self._harness.settings().api_key_file
        field = f'category_field = "{self._field}"\n' if self._field else ""
        return f'url = "{self.server.url}"\napi_key_file = "{file}"\nbatch = 3\nbudget = 1\n{field}'

    def attune(self, source: Source) -> None:
        hour = self.hour
        clock = Clock(hour.monotonic, hour.now, hour.forward)
        source.connector._api.session.clock = clock  # type: ignore[attr-defined]

    def wait(self, seconds: float) -> None:
        self.hour.forward(seconds)

    def create(self, subject: str, body: str, sender: str) -> str:
        return self._account.deliver(subject, body, sender)

    def shown(self, name: str) -> Shown:
        with self.server.lock:
            ticket = self._account.ticket(name)
            ours = [c for c in ticket.conversations if c.user == self._account.agent]
            tags = {*ticket.tags, *filter(None, (ticket.custom.get(self._field) or "").split(", "))}
            group = self._account.groups.get(ticket.group or 0)
            notes = tuple(str(c.id) for c in ours)
            return Shown(not ticket.deleted, str(ticket.status), frozenset(tags), group, notes)

    def public(self) -> int:
        return self._harness.public() + len(self.server.violations) + len(self.server.errors)

    def set_tags(self, name: str, tags: list[str]) -> None:
        with self.server.lock:
            values = sorted(tag for tag in tags if self._field and tag.startswith("category__"))
            if self._field:
                self._account.ticket(name).custom[self._field] = ", ".join(values) or None
            self._account.agent_saves_tags(name, sorted(set(tags) - set(values)))

    def route(self, name: str, group: str) -> None:
        self._account.agent_routes(name, group or None)

    def close(self, name: str) -> None:
        self._account.agent_sets_status(name, CLOSED)

    def merge(self, name: str, into: str) -> None:
        self._account.merge(name, into)

    def reply(self, name: str) -> None:
        self._account.agent_answers(name)

    def note(self, name: str) -> None:
        self._account.agent_notes(name)

    def delete(self, name: str) -> None:
        self._account.delete(name)
