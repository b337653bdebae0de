"""Tickets become messages, with as few requests as they can be had for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.groups import LASTING, Groups
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_connectors.freshdesk.thread import FIRST, replies
from smartticket_connectors.freshdesk.walk import EVERYTHING, Item, Page, Walk
from smartticket_daemon.domain import Author, Message, MessageRef, Status, Unreadable
from smartticket_daemon.errors import AccessDenied, Unreachable
from smartticket_daemon.http import NotFound

SINGLY = 2
"""So many tickets are cheaper to read one by one (3 requests each) than with their page once more (7)."""


class Staff:
    """Who is an agent. Where the list of agents is not for us, only we are known."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._me: int | None = None
        self._agents: frozenset[int] = frozenset()
        self._read_at: float | None = None

    @property
    def me(self) -> int:
        """The number of the agent whose key we have."""
        if self._me is None:
            self._me = fields.number(self._api.me().json().get("id"))
            if self._me is None:
                raise Unreachable("the service does not say whose key this is; look at url")
        return self._me

    def author(self, person: int | None) -> Author:
        """What the writer is, by role."""
        if person == self.me:
            return Author.OURSELVES
        return Author.AGENT if person in self._known() else Author.REQUESTER

    def _known(self) -> frozenset[int]:
        now = self._api.session.clock.monotonic()
        if self._read_at is None or now - self._read_at > LASTING:
            with suppress(AccessDenied):
                agents = (a for a in self._api.agents() if isinstance(a, dict))
                self._agents = frozenset(n for a in agents if (n := fields.number(a.get("id"))))
            self._read_at = now
        return self._agents


class Reader:
    """Makes messages of list items; a ticket that cannot be understood becomes Unreadable, alone."""

    def __init__(
        self, name: str, settings: FreshdeskSettings, api: Api, staff: Staff, groups: Groups
    ) -> None:
        self._name = name
        self._settings = settings
        self._api = api
        self._staff = staff
        self._groups = groups

    def read(self, items: list[Item], page: Page, walk: Walk) -> tuple[list[Message], list[Unreadable]]:
        """One message for each item, in order; tickets that are gone meanwhile are left out."""
        messages: list[Message] = []
        unreadable: list[Unreadable] = []
        for number, ticket in self._whole(items, page, walk):
            try:
                messages += self.messages(number, ticket)
            except (ValueError, TypeError, KeyError):
                unreadable.append(Unreadable(self.ref(number), "malformed"))
        return messages, unreadable

    def _whole(self, items: list[Item], page: Page, walk: Walk) -> Iterable[tuple[int, dict[str, Any]]]:
        """Each ticket with its text, requester and statistics, where it may be triaged at all."""
        bare = [item for item in items if not item.whole and _open(item.ticket)]
        found: Mapping[int, Item] = {}
        if len(bare) > SINGLY:
            walk.whole = True
            found = {item.number: item for item in walk.read(page.since, page.number).items}
        for item in items:
            better = found.get(item.number, item)
            if better.whole and _has_text(better.ticket):
                yield item.number, better.ticket
            elif not _open(item.ticket):
                yield item.number, item.ticket
            elif (ticket := self.ticket(item.number)) is not None:
                yield item.number, ticket

    def ticket(self, number: int) -> dict[str, Any] | None:
        """One ticket with all we want of it; None when it is gone."""
        try:
            return self._api.ticket(number, EVERYTHING[1:])
        except NotFound:
            return None

    def ref(self, number: int) -> MessageRef:
        """The name of a ticket's first message."""
        return MessageRef(self._name, str(number), FIRST)

    def messages(self, number: int, ticket: Mapping[str, Any]) -> list[Message]:
        """The first message and, where replies are triaged too, what the customer wrote later."""
        first = self.first(number, ticket)
        if self._settings.on_reply == "skip" or first.status is not Status.OPEN:
            return [first]
        return [first, *replies(first, list(self._api.conversations(number)))]

    def first(self, number: int, ticket: Mapping[str, Any]) -> Message:
        """The ticket's own text. Raises ValueError, TypeError or KeyError where a value makes no sense."""
        group = self.group(ticket)
        subject = fields.subject(ticket)
        body = fields.body(ticket, subject=subject)
        return Message(
            ref=self.ref(number),
            subject=subject,
            body=body,
            created=fields.moment(ticket.get("created_at")),
            author=self._author(ticket),
            requester=fields.requester(ticket),
            number=str(number),
            status=fields.status(ticket),
            answered=fields.answered(ticket),
            tags=frozenset(fields.categories(ticket, self._settings.category_field)),
            group=group,
            files=() if body else fields.files(ticket),
        )

    def _author(self, ticket: Mapping[str, Any]) -> Author:
        if ticket.get("source") == fields.OUTBOUND:
            return Author.AGENT
        return self._staff.author(fields.number(ticket.get("requester_id")))

    def group(self, ticket: Mapping[str, Any]) -> str | None:
        """The group somebody chose; the groups where rules put new tickets are no choice."""
        name = self._groups.name(fields.number(ticket.get("group_id")))
        return None if name in self._settings.default_groups else name


def _open(ticket: Mapping[str, Any]) -> bool:
    return fields.status(ticket) is Status.OPEN


def _has_text(ticket: Mapping[str, Any]) -> bool:
    """Without a text the names of its attachments count, which only the single ticket tells."""
    return bool(str(ticket.get("description_text") or ticket.get("description") or "").strip())
