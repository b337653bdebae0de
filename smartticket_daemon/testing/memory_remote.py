"""A helpdesk in memory: what people do there, and the troubles that can be ordered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from smartticket_daemon.domain import Message, MessageRef, Receipt, Requester, Status
from smartticket_daemon.testing.remote import Sight


@dataclass(frozen=True)
class MemoryNote:
    """An internal note, marked with its key and with what was changed together with it."""

    key: str
    text: str
    receipt: Receipt


@dataclass
class MemoryTicket:
    """One conversation; notes by their names."""

    name: str
    messages: list[Message] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    group: str | None = None
    group_by_agent: bool = False
    status: Status = Status.OPEN
    answered: bool = False
    notes: dict[str, MemoryNote] = field(default_factory=dict)


@dataclass
class Arrival:
    """One delivery of a message; its place changes when the ticket is moved."""

    ticket: str
    message: str
    place: int


@dataclass
class _Fault:
    step: str
    error: Exception
    after: bool
    times: int


class InMemoryRemote:
    """Outlives every connector to it, and may be used from several threads.

    `calls` counts the steps that connectors took: check, fetch, extent, past, read, tags, route, note,
    bulk, applied, current, undo. `clock` dates new messages.
    """

    def __init__(
        self, password: str = "open sesame", clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.password = password
        self.clock = clock
        self.tickets: dict[str, MemoryTicket] = {}
        self.arrivals: list[Arrival] = []
        self.generation = 1
        self.calls: dict[str, int] = {}
        self._faults: list[_Fault] = []
        self._serial = 0
        self._lock = RLock()

    def deliver(
        self,
        subject: str,
        body: str,
        sender: str = "ann@customer.example",
        *,
        ticket: str | None = None,
        **fields: Any,
    ) -> str:
        """A customer writes, in an existing ticket where one is named; returns the ticket's name.

        `fields` are further fields of `Message`, such as `created`, `author` or `headers`.
        """
        with self._lock:
            number = self.serial()
            home = self.tickets.setdefault(ticket or f"T{number}", MemoryTicket(ticket or f"T{number}"))
            fields = {"created": self.clock(), "follow_up": bool(home.messages), **fields}
            ref = MessageRef("", home.name, f"M{number}")
            person = Requester(sender.partition("@")[0].title(), sender)
            home.messages.append(Message(ref, subject, body, requester=person, **fields))
            self.arrivals.append(Arrival(home.name, ref.message, number))
            return home.name

    def deliver_again(self, ticket: str) -> None:
        """The ticket's first message is delivered a second time."""
        with self._lock:
            first = self.tickets[ticket].messages[0].ref.message
            self.arrivals.append(Arrival(ticket, first, self.serial()))

    def serial(self) -> int:
        """A number that was never given before."""
        self._serial += 1
        return self._serial

    def agent_tags(self, ticket: str, *tags: str) -> None:
        """A person adds tags."""
        self.tickets[ticket].tags.update(tags)

    def agent_routes(self, ticket: str, group: str | None) -> None:
        """A person moves the ticket."""
        with self._lock:
            self.tickets[ticket].group_by_agent = True
            self.move(ticket, group)

    def agent_closes(self, ticket: str, status: Status = Status.CLOSED) -> None:
        """A person ends the conversation."""
        self.tickets[ticket].status = status

    def agent_answers(self, ticket: str) -> None:
        """A person answers the customer."""
        self.tickets[ticket].answered = True

    def delete(self, ticket: str) -> None:
        """The ticket is gone for good."""
        with self._lock:
            del self.tickets[ticket]

    def move(self, ticket: str, group: str | None) -> None:
        """The ticket goes to another group; its messages lie elsewhere from now on."""
        self.tickets[ticket].group = group
        for arrival in self.arrivals:
            if arrival.ticket == ticket:
                arrival.place = self.serial()

    def expire(self) -> None:
        """Every cursor and every position means nothing any more."""
        with self._lock:
            self.generation += 1

    def look(self, ticket: str) -> Sight:
        """What stands there."""
        with self._lock:
            if (home := self.tickets.get(ticket)) is None:
                return Sight(exists=False)
            notes = tuple(note.text for note in home.notes.values())
            return Sight(True, frozenset(home.tags), home.group, notes)

    def position(self, arrival: Arrival) -> str:
        """Where a message lies now."""
        return f"{self.generation}:{arrival.place}"

    def message(self, source: str, arrival: Arrival) -> Message | None:
        """The message as a connector reads it now; None when it is gone."""
        home = self.tickets.get(arrival.ticket)
        if home is None:
            return None
        found = next(m for m in home.messages if m.ref.message == arrival.message)
        ref = replace(found.ref, source=source, position=self.position(arrival))
        return replace(
            found,
            ref=ref,
            status=home.status,
            answered=home.answered or found.answered,
            tags=frozenset(home.tags),
            group=home.group,
        )

    def fail(self, step: str, error: Exception, *, after: bool = False, times: int = 1) -> None:
        """Order trouble for the next `times` runs of a step, before or after it takes effect."""
        with self._lock:
            self._faults.append(_Fault(step, error, after, times))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of a connector: counted, atomic, and open to the ordered troubles."""
        with self._lock:
            self.calls[name] = self.calls.get(name, 0) + 1
            self._strike(name, after=False)
            yield
            self._strike(name, after=True)

    def _strike(self, name: str, after: bool) -> None:
        for fault in self._faults:
            if (fault.step, fault.after) == (name, after) and fault.times > 0:
                fault.times -= 1
                raise fault.error
