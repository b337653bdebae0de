"""InMemoryConnector: a real connector whose service happens to live in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import ConfigDict, Field

from smartticket_daemon.domain import (
    Batch,
    Capability,
    Cursor,
    Diagnosis,
    Extent,
    Finding,
    Key,
    Message,
    MessageRef,
    Note,
    Receipt,
    RemoteState,
    Status,
    Triage,
)
from smartticket_daemon.errors import AccessDenied, CursorExpired, Overtaken, SmartTicketError
from smartticket_daemon.ports import Connector
from smartticket_daemon.source_settings import SourceSettings
from smartticket_daemon.testing.memory_remote import Arrival, InMemoryRemote, MemoryNote, MemoryTicket


class InMemorySettings(SourceSettings):
    """`remote` is the service itself, `batch` how many messages make a batch."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    kind: str = "memory"
    remote: InMemoryRemote = Field(repr=False)
    password: str = Field(default="open sesame", repr=False)
    batch: int = Field(default=2, gt=0)


class InMemoryConnector(Connector):
    """Writes in three steps (tags, route, note), so that each gap between them can be tested.

    Its cursor is `generation:arrivals` (of the past `generation:moment:ticket`), its position
    `generation:place`.
    """

    kind: ClassVar[str] = "memory"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY, Capability.BULK}
    )
    Settings: ClassVar[type[SourceSettings]] = InMemorySettings

    def __init__(self, name: str, settings: InMemorySettings) -> None:
        self._name = name
        self._settings = settings
        self._remote = settings.remote

    def check(self, routes: Collection[str] = ()) -> Diagnosis:  # noqa: ARG002 - every group exists
        """See `Connector.check`."""
        with self._remote.step("check"):
            if self._settings.password != self._remote.password:
                return Diagnosis((Finding(False, "the password is wrong", "set the right password"),))
            return Diagnosis((Finding(True, "the password is right"),))

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """See `Connector.fetch`."""
        self._sign_in()
        if cursor is None and self._settings.start == "now":
            with self._remote.step("fetch"):
                yield self._batch(len(self._remote.arrivals), [])
            return
        at = 0 if cursor is None else self._index(cursor)
        while arrivals := self._remote.arrivals[at : at + self._settings.batch]:
            with self._remote.step("fetch"):
                at += len(arrivals)
                batch = self._batch(at, arrivals)
            yield batch

    def _batch(self, end: int, arrivals: Iterable[Arrival]) -> Batch:
        messages = [self._remote.message(self._name, arrival) for arrival in arrivals]
        wanted = tuple(m for m in messages if m is not None and self._has_begun(m))
        return Batch(wanted, Cursor(f"{self._remote.generation}:{end}"))

    def _has_begun(self, message: Message) -> bool:
        start = self._settings.start
        return message.created >= start if isinstance(start, datetime) else True

    def _index(self, cursor: Cursor) -> int:
        generation, _, index = cursor.partition(":")
        known = generation == str(self._remote.generation) and index.isascii() and index.isdigit()
        if not known or int(index) > len(self._remote.arrivals):
            raise CursorExpired(f"{self._name}: the cursor is not one of this service's")
        return int(index)

    def extent(self, since: datetime | None) -> Extent:
        """See `Remembers.extent`."""
        self._sign_in()
        with self._remote.step("extent"):
            tickets = sum(1 for message in self._firsts() if since is None or message.created >= since)
        return Extent(tickets, -(-tickets // self._settings.batch) or 1, each=4)

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """See `Remembers.past`."""
        self._sign_in()
        before = None if cursor is None else self._moment(cursor)
        while True:
            with self._remote.step("past"):
                left = [m for m in self._firsts() if before is None or _age(m) < before]
                some = [m for m in left if since is None or m.created >= since][: self._settings.batch]
            if not some:
                return
            before = _age(some[-1])
            yield Batch(tuple(some), Cursor(f"{self._remote.generation}:{before[0]}:{before[1]}"))

    def _firsts(self) -> list[Message]:
        """The requester's first message of each ticket, newest first."""
        first: dict[str, Arrival] = {}
        for arrival in self._remote.arrivals:
            first.setdefault(arrival.ticket, arrival)
        messages = [self._remote.message(self._name, arrival) for arrival in first.values()]
        return sorted((m for m in messages if m is not None), key=_age, reverse=True)

    def _moment(self, cursor: Cursor) -> tuple[float, int]:
        generation, *age = cursor.split(":")
        try:
            moment, number = age
            if generation == str(self._remote.generation):
                return float(moment), int(number)
        except ValueError:
            pass
        raise CursorExpired(f"{self._name}: the cursor is not one of this service's")

    def read(self, ref: MessageRef) -> Message:
        """See `Connector.read`."""
        self._sign_in()
        with self._remote.step("read"):
            message = self._remote.message(self._name, self._arrival(ref))
            if message is None:
                raise Overtaken("deleted")
            return message

    def _arrival(self, ref: MessageRef) -> Arrival:
        """By position where it is still true, else by name."""
        mine = [a for a in self._remote.arrivals if a.ticket == ref.ticket]
        at = [a for a in mine if self._remote.position(a) == ref.position]
        named = [a for a in mine if a.message == ref.message]
        for arrival in (*at, *named):
            return arrival
        raise Overtaken("deleted")

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """See `Connector.apply`."""
        self._sign_in()
        ticket = self._open_ticket(ref, triage)
        before = ticket.group
        tags = self._add_tags(ticket, triage.tags)
        route = self._move(ticket, triage.route)
        position = self._remote.position(self._arrival(ref))
        receipt = Receipt(tags, route, before if route else None, None, position)
        return self._write_note(ticket, triage.note, key, receipt) if triage.note else receipt

    def _open_ticket(self, ref: MessageRef, triage: Triage) -> MemoryTicket:
        """The ticket, unless the remote or a person got there first."""
        ticket = self._remote.tickets.get(ref.ticket)
        if ticket is None:
            raise Overtaken("deleted")
        if ticket.status is not Status.OPEN:
            raise Overtaken(ticket.status.value)
        if ticket.answered:
            raise Overtaken("answered")
        if ticket.group_by_agent or triage.contradicted_by(ticket.tags):
            raise Overtaken("human_decided")
        return ticket

    def _add_tags(self, ticket: MemoryTicket, tags: tuple[str, ...]) -> tuple[str, ...]:
        if not tags:
            return ()
        with self._remote.step("tags"):
            added = tuple(tag for tag in tags if tag not in ticket.tags)
            ticket.tags.update(added)
            return added

    def _move(self, ticket: MemoryTicket, route: str | None) -> str | None:
        if route is None:
            return None
        with self._remote.step("route"):
            self._remote.move(ticket.name, route)
            return route

    def _write_note(self, ticket: MemoryTicket, note: Note, key: Key, receipt: Receipt) -> Receipt:
        with self._remote.step("note"):
            name = f"N{self._remote.serial()}"
            ticket.notes[name] = MemoryNote(key, note.internal, replace(receipt, note_id=name))
            return ticket.notes[name].receipt

    def apply_many(
        self, work: Sequence[tuple[MessageRef, Triage, Key]]
    ) -> Iterator[tuple[Key, Receipt | SmartTicketError]]:
        """See `AppliesMany.apply_many`."""
        self._sign_in()
        with self._remote.step("bulk"):
            outcomes = [(key, self._tagged(ref, triage)) for ref, triage, key in work]
        yield from outcomes

    def _tagged(self, ref: MessageRef, triage: Triage) -> Receipt | SmartTicketError:
        try:
            ticket = self._open_ticket(ref, triage)
            return Receipt(self._add_tags(ticket, triage.tags), position=ref.position)
        except SmartTicketError as error:
            return error

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """See `Connector.applied`. The note is the last step: where it stands, all of them do."""
        self._sign_in()
        with self._remote.step("applied"):
            ticket = self._remote.tickets.get(ref.ticket)
            notes = [note for note in ticket.notes.values() if note.key == key] if ticket else []
            if not notes:
                return None
            return replace(notes[0].receipt, position=self._remote.position(self._arrival(ref)))

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """See `ReportsState.current`."""
        self._sign_in()
        for ref in refs:
            with self._remote.step("current"):
                state = self._state(ref)
            yield state

    def _state(self, ref: MessageRef) -> RemoteState:
        ticket = self._remote.tickets.get(ref.ticket)
        mine = [a for a in self._remote.arrivals if a.ticket == ref.ticket]
        if ticket is None or ref.position not in map(self._remote.position, mine):
            return RemoteState(ref, exists=False)
        return RemoteState(ref, True, ticket.status, frozenset(ticket.tags), ticket.group)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """See `Undoes.undo`."""
        self._sign_in()
        with self._remote.step("undo"):
            ticket = self._remote.tickets.get(ref.ticket)
            if ticket is None:
                raise Overtaken("deleted")
            ticket.tags.difference_update(receipt.tags)
            ticket.notes.pop(receipt.note_id or "", None)
            if receipt.route and ticket.group == receipt.route and not ticket.group_by_agent:
                self._remote.move(ticket.name, receipt.route_before)

    def close(self) -> None:
        """See `Connector.close`; there is no connection to let go of."""

    def _sign_in(self) -> None:
        if self._settings.password != self._remote.password:
            raise AccessDenied(f"{self._name}: the password is wrong; set the right password")


def _age(message: Message) -> tuple[float, int]:
    """When it was created; of messages of one moment the later delivered is the younger one."""
    return message.created.timestamp(), int(message.ref.message.removeprefix("M"))
