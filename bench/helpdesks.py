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
from tests.doubles.server import Fault, Reply, Request, Server

MERGED = "merged"
"""The status of a ticket that now shows another: nothing but our note is its own any more."""
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
    inherits = False
    """Whether a ticket takes over the history of one that is merged into it, decisions of people included."""
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
