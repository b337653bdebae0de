"""Reads tickets as messages: by the cursor export where we are administrators, else by the ticket list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from smartticket_connectors.zendesk.conversation import said_by_customer
from smartticket_connectors.zendesk.desk import Desk
from smartticket_connectors.zendesk.fields import Json, MalformedError, inner, moment, objects, text, whole
from smartticket_connectors.zendesk.history import History, read_history
from smartticket_connectors.zendesk.mark import Mark
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_connectors.zendesk.ticket import Ticket, User, Users, users_of
from smartticket_daemon.domain import (
    Author,
    Batch,
    Cursor,
    Key,
    Message,
    MessageRef,
    Requester,
    Status,
    Unreadable,
)
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    Overtaken,
    RejectedError,
    Unreachable,
)
from smartticket_daemon.http import Answer, NotFound, Refused
from smartticket_daemon.text import clean, clean_line, customer_text

log = structlog.get_logger(__name__)

FIRST = "first"
"""Names the first message of a ticket; no other one is read."""

_PAST = 61
"""Seconds; the export refuses to begin any later than a minute ago."""

_LAG = timedelta(minutes=5)
"""Longer than a new ticket takes to appear in the list, where ids may become visible out of order."""


class Reader:
    """The reading half of the connector."""

    def __init__(self, name: str, settings: ZendeskSettings, desk: Desk) -> None:
        self._name = name
        self._settings = settings
        self._desk = desk

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came after `cursor`; see `Connector.fetch`."""
        mark = Mark.parse(cursor, self._settings.url) if cursor is not None else None
        admin = self._desk.user.role == "admin"
        if mark is None:
            since = self._desk.now if self._settings.start == "now" else None
            mark = Mark(place=self._settings.url, way="export" if admin else "list", since=since)
        try:
            yield from self._export(mark) if mark.way == "export" else self._list(mark)
        except NotFound:
            raise ConfigurationError(f"{self._name}: there is no Zendesk at {self._settings.url}") from None

    def _export(self, mark: Mark) -> Iterator[Batch]:
        first = not mark.after
        while True:
            page = self.page(mark, lambda m: self._desk.export(self._position(m), self._settings.batch))
            after = text(page.get("after_cursor"))
            ended = page.get("end_of_stream") is True
            if not after or (after == mark.after and not ended):
                raise Unreachable(f"{self._name}: Zendesk's export does not move on")
            if after != mark.after or first:
                mark = mark.model_copy(update={"after": after})
                yield self._batch(page, mark)
            if ended:
                return

    def _position(self, mark: Mark) -> dict[str, Any]:
        if mark.after:
            return {"cursor": mark.after}
        latest = int(self._desk.now.timestamp()) - _PAST
        start = self._settings.start
        if isinstance(start, datetime):
            return {"start_time": max(min(int(start.timestamp()), latest), 0)}
        return {"start_time": latest if start == "now" else 0}

    def _list(self, mark: Mark) -> Iterator[Batch]:
        """By id. The stored mark stays behind tickets so young that one with a lower id may still appear."""
        stored, settled, more = mark, True, True
        while more:
            page = self.page(mark, lambda m: self._desk.listed(m.after, self._settings.batch))
            mark, more = self.turn(mark, page)
            settled = settled and self._is_settled(page)
            stored = mark if settled else stored
            yield self._batch(page, stored)

    def turn(self, mark: Mark, page: Json) -> tuple[Mark, bool]:
        """The mark behind a page of the ticket list, and whether there is more."""
        after = text(inner(page, "meta").get("after_cursor"))
        more = inner(page, "meta").get("has_more") is True
        if more and (not after or after == mark.after):
            raise Unreachable(f"{self._name}: Zendesk's ticket list does not move on")
        return mark.model_copy(update={"after": after or mark.after}), more

    def _is_settled(self, page: Json) -> bool:
        limit = self._desk.now - _LAG
        return all(_created(raw) < limit for raw in objects(page.get("tickets")))

    def page(self, mark: Mark, ask: Callable[[Mark], Answer]) -> Json:
        """One page; raises CursorExpired where Zendesk does not know the mark."""
        try:
            return ask(mark).json()
        except Refused:
            if not mark.after:
                raise
            raise CursorExpired(f"{self._name}: Zendesk does not know the stored position") from None
        except AccessDenied:
            if mark.way != "export":
                raise
            raise AccessDenied(
                f"{self._name}: Zendesk's export is for administrators; give the user that role (back)"
            ) from None

    def _batch(self, page: Json, mark: Mark) -> Batch:
        users = users_of(objects(page.get("users")))
        found = [self.entry(raw, users, mark.since) for raw in objects(page.get("tickets"))]
        messages = tuple(m for m in found if isinstance(m, Message))
        return Batch(messages, mark.cursor(), tuple(m for m in found if isinstance(m, Unreadable)))

    def entry(self, raw: Json, users: Users, since: datetime | None) -> Message | Unreadable | None:
        """The message in one ticket of a page; None where it is older than our beginning."""
        try:
            ticket = Ticket.parse(raw)
        except MalformedError as error:
            number = whole(raw.get("id"))
            log.error("ticket_malformed", source=self._name, ticket=number, field=str(error))
            return Unreadable(self._ref(number), "malformed") if number else None
        return None if since and ticket.created < since else self._message(ticket, users)

    def _ref(self, number: int) -> MessageRef:
        return MessageRef(self._name, str(number), FIRST)

    def read(self, ref: MessageRef) -> Message:
        """Read one ticket again; see `Connector.read`."""
        try:
            answer = self._desk.ticket(number_of(ref)).json()
            ticket = Ticket.parse(inner(answer, "ticket"))
        except NotFound:
            raise Overtaken("deleted") from None
        except MalformedError:
            raise RejectedError(f"{self._name}: ticket {ref.ticket} cannot be read") from None
        if ticket.status is Status.DELETED:
            raise Overtaken("deleted")
        return self._message(ticket, users_of(objects(answer.get("users"))))

    def _message(self, ticket: Ticket, users: Users) -> Message:
        requester = users.get(ticket.requester or 0, User(0))
        author = ticket.author(users)
        return Message(
            ref=self._ref(ticket.id),
            subject=clean_line(ticket.subject),
            body=_body(ticket, requester.name),
            created=ticket.created,
            author=author,
            requester=Requester(clean_line(requester.name), clean_line(requester.email)),
            number=str(ticket.id),
            status=Status.SPAM if requester.suspended and ticket.status is Status.OPEN else ticket.status,
            follow_up=ticket.follow_up,
            answered=author is Author.REQUESTER and self.was_answered(ticket, users),
            tags=frozenset(ticket.tags),
            group=self._group(ticket),
        )

    def _group(self, ticket: Ticket) -> str | None:
        name = self._desk.group_name(ticket.group)
        return None if name in self._settings.default_groups else name

    def was_answered(self, ticket: Ticket, users: Users) -> bool:
        """By Zendesk's own count, else by the audits; a ticket that is `new` was not."""
        if ticket.replies is not None:
            return ticket.replies > 0
        if ticket.status is not Status.OPEN or not ticket.begun or self._group(ticket):
            return False
        try:
            history = read_history(self._desk.audits(ticket.id), Key(""))
        except NotFound:
            return False
        return answered(self._desk, ticket, users, history)


def answered(desk: Desk, ticket: Ticket, users: Users, history: History) -> bool:
    """Whether an agent has spoken to the customer. Other customers in copy have not answered."""
    others = set(history.speakers) - {ticket.requester, 0}
    known = [users[number] for number in others if number in users]
    unknown = sorted(others - users.keys())[:100]
    if any(user.staff for user in known):
        return True
    return bool(unknown) and any(user.staff for user in desk.users(unknown).values())


def number_of(ref: MessageRef) -> int:
    """The number of a ticket. Raises RejectedError where the reference is not one of Zendesk's."""
    number = whole(ref.ticket)
    if number is None or not 0 < number < 2**63:
        raise RejectedError(f"{ref.source}: not a ticket of Zendesk's")
    return number


def _body(ticket: Ticket, name: str) -> str:
    text_ = clean(ticket.description)
    return said_by_customer(text_, name) if ticket.conversation else customer_text(text_, ticket.subject)


def _created(raw: Json) -> datetime:
    """When a ticket was made; long ago where it does not say."""
    try:
        return moment(raw.get("created_at"))
    except MalformedError:
        return _LONG_AGO


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
