"""A ticket just before it is changed: one request, and what people did there since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.note import Record, ours
from smartticket_connectors.freshdesk.reader import Staff
from smartticket_connectors.freshdesk.thread import answered
from smartticket_daemon.domain import Key, MessageRef, Status, Triage
from smartticket_daemon.errors import AccessDenied, Overtaken, RejectedError
from smartticket_daemon.http import NotFound

EMBEDDED = 10
"""How many conversations a ticket brings along at most: its oldest."""


@dataclass(frozen=True, slots=True)
class Look:
    """One ticket. `own` is the record in our note, where it stands; `categories` are tags or field values."""

    number: int
    ticket: Mapping[str, Any]
    categories: tuple[str, ...]
    group: int | None
    conversations: tuple[Any, ...] = ()
    own: Record | None = None

    def missing(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are not there, letters' case aside."""
        present = {tag.casefold() for tag in self.categories}
        return tuple(tag for tag in tags if tag.casefold() not in present)


class Looker:
    """Reads tickets for the writer."""

    def __init__(self, api: Api, staff: Staff, field: str | None) -> None:
        self._api = api
        self._staff = staff
        self._field = field

    def find(self, ref: MessageRef, key: Key) -> Look:
        """The ticket with its whole thread. Raises Overtaken("deleted"), RejectedError when out of reach."""
        number, me = ticket_of(ref), self._staff.me
        ticket = self._ticket(number, ("conversations",))
        said = ticket.get("conversations")
        said = said if isinstance(said, list) else []
        if len(said) >= EMBEDDED:
            said = self._said(number)
            ticket = self._ticket(number)  # its tags are to be as fresh as they can be
        return self._look(number, ticket, tuple(said), ours(said, me, key))

    def _said(self, number: int) -> list[Any]:
        try:
            return list(self._api.conversations(number))
        except NotFound:
            raise Overtaken("deleted") from None

    def again(self, number: int) -> Look:
        """The ticket alone, read afresh."""
        return self._look(number, self._ticket(number))

    def _look(
        self,
        number: int,
        ticket: Mapping[str, Any],
        conversations: tuple[Any, ...] = (),
        own: Record | None = None,
    ) -> Look:
        categories = fields.categories(ticket, self._field)
        group = fields.number(ticket.get("group_id"))
        return Look(number, ticket, categories, group, conversations, own)

    def _ticket(self, number: int, include: tuple[str, ...] = ()) -> dict[str, Any]:
        try:
            return self._api.ticket(number, include)
        except NotFound:
            raise Overtaken("deleted") from None
        except AccessDenied:
            self._api.me()  # raises again where it is our key that is refused, and not this ticket alone
            raise RejectedError(f"ticket {number} is not in the agent's scope") from None


def ticket_of(ref: MessageRef) -> int:
    """The ticket's number; raises RejectedError where the name is none."""
    if not (ref.ticket.isascii() and ref.ticket.isdigit()):
        raise RejectedError("the message's ticket is not one of Freshdesk's")
    return int(ref.ticket)


def refuse_finished(look: Look, message: str) -> None:
    """Raise Overtaken where the ticket is closed, gone, or answered since `message`."""
    status = fields.status({**look.ticket, "conversations": list(look.conversations)})
    if status is not Status.OPEN:
        raise Overtaken(status.value)
    if answered(look.conversations, message):
        raise Overtaken("answered")


def refuse_decided(look: Look, triage: Triage, *, alone: bool) -> None:
    """Raise Overtaken where a person set another category.

    `alone`: the categories stand in a field of their own, where anything else is another category.
    """
    wanted = {tag.casefold() for tag in triage.tags}
    other = any(tag.casefold() not in wanted for tag in look.categories)
    if (alone and other) or triage.contradicted_by(look.categories):
        raise Overtaken("human_decided")
