"""apply, applied and undo: tags, queue and internal comment, and that a person wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smartticket_connectors.request_tracker.content import answered
from smartticket_connectors.request_tracker.desk import Desk
from smartticket_connectors.request_tracker.ticket import Ticket
from smartticket_daemon.domain import Key, Receipt, Status, Triage
from smartticket_daemon.errors import AccessDenied, ConfigurationError, Overtaken, TransientError
from smartticket_daemon.http import Conflict

ROUNDS = 6
"""How often a ticket that others change under our hands is read again."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is left to write; None: nothing."""

    tags: tuple[str, ...] | None = None
    queue: str | None = None

    def __bool__(self) -> bool:
        return self.tags is not None or self.queue is not None


class Writer:
    """Changes tickets of one RT."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def apply(self, number: int, triage: Triage, key: Key) -> Receipt:
        """Tags and queue in one write, then the comment; what stands already is left as it is."""

        def wanted(ticket: Ticket) -> Change:
            queue = triage.route if triage.route not in (None, ticket.queue) else None
            return Change(self._with(ticket, triage.tags), queue)

        ticket = self._until_done(number, wanted, lambda ticket: self._refuse(ticket, triage))
        note = ticket.note(key)
        if triage.note and note is None:
            note = self._desk.comment(ticket, triage.note.internal, key)
        return self._receipt(ticket, triage.tags, triage.route, note if triage.note else None)

    def applied(self, number: int, key: Key) -> Receipt | None:
        """What we did to the ticket, where our comment with this key stands in its history."""
        ticket = self._desk.ticket(number)
        note = ticket.note(key)
        if note is None:
            return None
        ours = tuple(tag for tag in ticket.tags if tag in ticket.owners.ours)
        return self._receipt(ticket, ours, ticket.queue if ticket.moved_by_us else None, note)

    def undo(self, number: int, receipt: Receipt) -> None:
        """Take off our tags and move the ticket back, as far as nobody changed them since.

        The comment stays: RT has no way to take one back.
        """

        def wanted(ticket: Ticket) -> Change:
            off = set(receipt.tags) & ticket.owners.ours
            kept = tuple(tag for tag in self._with(ticket, ()) or ticket.tags if tag not in off)
            still_there = ticket.moved_by_us and ticket.queue == receipt.route
            back = receipt.route_before if still_there and receipt.route_before != ticket.queue else None
            return Change(kept if kept != ticket.tags else None, back)

        self._until_done(number, wanted, _refuse_deleted)

    def _with(self, ticket: Ticket, tags: tuple[str, ...]) -> tuple[str, ...] | None:
        """All values of the field with ours added, and with what we undid of others put right."""
        owners = ticket.owners
        kept = tuple(tag for tag in ticket.tags if tag not in owners.revived)
        missing = [tag for tag in (*sorted(owners.lost), *tags) if tag not in kept]
        values = (*kept, *dict.fromkeys(missing))
        return None if values == ticket.tags else values

    def _until_done(
        self, number: int, wanted: Callable[[Ticket], Change], refuse: Callable[[Ticket], None]
    ) -> Ticket:
        """Write until nothing is left: RT says 200 also where it does nothing.

        Only a ticket that we have not begun to change is refused.
        """
        written = Change()
        for _ in range(ROUNDS):
            ticket = self._desk.ticket(number)
            if not written:
                refuse(ticket)
            change = wanted(ticket)
            if not change:
                return ticket
            self._refuse_unwritable(ticket, change, again=change == written)
            try:
                self._desk.change(ticket, change.tags, change.queue)
                written = change
            except Conflict:
                continue
        raise TransientError("the ticket was changed by others again and again")

    def _refuse_unwritable(self, ticket: Ticket, change: Change, *, again: bool) -> None:
        if change.tags is not None and ticket.field is None:
            raise ConfigurationError(
                f"queue {ticket.queue} has no custom field {self._desk.settings.tag_field}"
                " that we may see; apply it to the queue, and grant SeeCustomField"
            )
        if again and change.queue is not None:
            raise AccessDenied(
                f"RT did not move the ticket to queue {change.queue}; grant ModifyTicket here, and SeeQueue,"
                " ShowTicket and CreateTicket there"
            )
        if again:
            raise AccessDenied("RT did not set the tags; grant ModifyTicket and ModifyCustomField")

    def _refuse(self, ticket: Ticket, triage: Triage) -> None:
        """Raise Overtaken when the ticket is done with, or a person decided."""
        if ticket.status is not Status.OPEN:
            raise Overtaken(ticket.status.value)
        if answered(self._desk, ticket):
            raise Overtaken("answered")
        if ticket.moved_by_others or _decided(ticket, triage):
            raise Overtaken("human_decided")

    def _receipt(self, ticket: Ticket, tags: tuple[str, ...], route: str | None, note: str | None) -> Receipt:
        before = None
        if route is not None:
            before = self._desk.queue_name(ticket.moves[-1].old) if ticket.moved_by_us else ticket.queue
        ours = tuple(tag for tag in tags if tag in ticket.owners.ours)
        return Receipt(ours, route, before, note)


def _refuse_deleted(ticket: Ticket) -> None:
    if ticket.status is Status.DELETED:
        raise Overtaken("deleted")


def _decided(ticket: Ticket, triage: Triage) -> bool:
    """A person took off a tag that we would set, or set one for another category."""
    if ticket.owners.refused & (set(triage.tags) - set(ticket.tags)):
        return True
    return triage.contradicted_by(tag for tag in ticket.tags if tag not in ticket.owners.ours)
