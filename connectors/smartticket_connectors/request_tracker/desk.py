"""The requests that are made of RT: every one of them is built here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from smartticket_connectors.request_tracker.auth import Token
from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_connectors.request_tracker.ticket import Ticket, status_of
from smartticket_connectors.request_tracker.wire import (
    Attachment,
    CustomField,
    Person,
    Queue,
    Step,
    T,
    TicketRow,
    many,
    one,
)
from smartticket_daemon.domain import Key
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    Overtaken,
    RejectedError,
    Unreachable,
)
from smartticket_daemon.http import Answer, NotFound, Refused, Session

API = "/REST/2.0"
PAGE = 100
"""The most rows that RT gives at once."""
_PAGES, _PARTS = 1_000, 10
"""The most pages that are turned, and those of the parts of one message."""
_KNOWN = 2_000
"""People and queues remembered at a time."""
_UNSAFE = re.compile(r"[/\\\\]|^\.*$")
"""Names that cannot be part of a path."""

_WRITES: Mapping[str, tuple[re.Pattern[str], frozenset[str]]] = {
    "PUT": (re.compile(rf"{API}/ticket/[0-9]+", re.ASCII), frozenset(("CustomFields", "Queue"))),
    "POST": (
        re.compile(rf"{API}/ticket/[0-9]+/comment", re.ASCII),
        frozenset(("Content", "ContentType", "Subject")),
    ),
}
"""All that may ever be written: tags and queue, and the comment, which RT shows to agents only."""


class Desk:
    """RT as one of its users sees it. Construction does no I/O."""

    def __init__(self, settings: RequestTrackerSettings) -> None:
        self.settings = settings
        self._session = Session(settings, Token(settings), account=settings.username)
        self._people: dict[str, Person] = {}
        self._queues: dict[str, str] = {}

    def version(self) -> str:
        """RT's own version."""
        return str(self._there("/rt").json().get("Version", ""))

    def user(self, name: str) -> Person:
        """A user, asked for now. Raises NotFound."""
        return one(self.get(f"/user/{quote(name, safe='')}"), Person)

    def person(self, name: str) -> Person:
        """A user, possibly from memory; whom RT does not show counts as one of the desk's own people."""
        if name not in self._people:
            if len(self._people) >= _KNOWN:
                self._people.clear()
            self._people[name] = self._asked(name)
        return self._people[name]

    def _asked(self, name: str) -> Person:
        try:
            if not _UNSAFE.search(name):
                return self.user(name)
        except NotFound:
            pass
        return Person.model_validate({"Privileged": True})

    def queues(self) -> dict[str, str]:
        """Numbers of all queues that we may see, by name."""
        return {queue.name: queue.id for queue in self._pages("/queues/all", Queue, _PAGES, fields="Name")}

    def queue(self, number: str) -> Queue:
        """One queue by its number."""
        return one(self.get(f"/queue/{quote(number, safe='')}"), Queue)

    def queue_name(self, number: str) -> str | None:
        """The name of a queue; None for one that we may not see."""
        if number not in self._queues:
            self._queues = {id_: name for name, id_ in self.queues().items()}
        return self._queues.get(number)

    def custom_field(self, number: str) -> CustomField:
        """One custom field by its number."""
        return one(self.get(f"/customfield/{quote(number, safe='')}"), CustomField)

    def newest(self, queue: str) -> TicketRow | None:
        """The newest ticket of a queue with what we may do there, if there is one that we may see."""
        number = self._first(f"Queue = '{_quoted(queue)}'", "DESC")
        return self._row(str(number))[0] if number else None

    def after(self, number: int) -> tuple[list[TicketRow], datetime]:
        """The next tickets of our queues behind this number, in order, and RT's own time.

        No page numbers: what appears or vanishes meanwhile shifts nothing.
        """
        answer = self.search(f"{self.ours} AND id > {number}", "ASC", self.settings.batch)
        rows = many(answer, TicketRow)
        numbers = [number, *(row.id for row in rows)]
        if numbers != sorted(set(numbers)):
            raise Unreachable(f"{answer.where}: the answer is not what RT sends; look at url")
        return rows, _date(answer)

    @property
    def ours(self) -> str:
        """The part of a search that asks for tickets in our queues."""
        names = " OR ".join(f"Queue = '{_quoted(name)}'" for name in self.settings.queues)
        return f"({names})"

    def last(self) -> int:
        """The highest number of all tickets that we may see; 0 without any."""
        return self._first("id > 0", "DESC")

    def before(self, day: date) -> int:
        """A number below those of all tickets made on this day or later, in whatever time zone."""
        number = self._first(f"Created > '{day - timedelta(days=2)}'", "ASC")
        return number - 1 if number else self.last()

    def _first(self, query: str, order: str) -> int:
        return next((row.id for row in many(self.search(query, order, 1), TicketRow)), 0)

    def states(self, numbers: list[int]) -> dict[int, TicketRow]:
        """These tickets, at most PAGE, by number; deleted, merged and hidden ones are missing."""
        query = " OR ".join(f"id = {number}" for number in numbers)
        rows = many(self.search(query, "ASC", PAGE), TicketRow)
        return {row.id: row for row in rows}

    def ticket(self, number: int) -> Ticket:
        """The ticket with its history. The history is read last: it is never older than `version`.

        Raises Overtaken when the ticket is deleted, merged into another, or out of our sight.
        """
        try:
            row, version = self._row(str(number))
        except NotFound:
            raise Overtaken("deleted") from None
        except AccessDenied:
            self._must_see_others()
            raise Overtaken("human_decided") from None
        if row.id != number:
            raise Overtaken("merged")
        history = sorted(self._history(number), key=lambda step: step.id)
        return replace(self.ticket_of(row), version=version, history=tuple(history))

    def ticket_of(self, row: TicketRow) -> Ticket:
        """The ticket in a row, without its history."""
        fields = [f for f in row.fields if f.name.lower() == self.settings.tag_field.lower()]
        return Ticket(
            number=row.id,
            version="",
            status=status_of(row.status, self.settings.open_statuses),
            subject=row.subject,
            created=row.created,
            queue=row.queue.name,
            field=fields[0].id if fields else None,
            tags=fields[0].values if fields else (),
            requesters=tuple(person.id for person in row.requesters),
            history=(),
            ours=self.settings.username,
        )

    def attachments(self, step: int) -> list[Attachment]:
        """Nodes and leaves of one message, without their content."""
        path, fields = f"/transaction/{step}/attachments", "ContentType,Filename,Headers"
        return list(self._pages(path, Attachment, _PARTS, fields=fields))

    def attachment(self, number: int) -> Attachment:
        """One leaf with its content."""
        return one(self.get(f"/attachment/{number}"), Attachment)

    def change(self, ticket: Ticket, tags: tuple[str, ...] | None, queue: str | None) -> None:
        """Replace the tags and move the ticket. Raises Conflict when it is not as it was read any more.

        RT answers 200 also to what it did not do: the ticket must be read again.
        """
        body: dict[str, Any] = {}
        if tags is not None and ticket.field is not None:
            body["CustomFields"] = {ticket.field: list(tags)}
        if queue is not None:
            body["Queue"] = queue
        self._write("PUT", f"/ticket/{ticket.number}", body, {"If-Match": ticket.version})

    def comment(self, ticket: Ticket, text: str, key: Key) -> str:
        """Write an internal comment as plain text, with our key in its subject; the number it got."""
        subject = f"Suggested reply, SmartTicket {key}"
        body = {"Content": text, "ContentType": "text/plain", "Subject": subject}
        answer = self._write("POST", f"/ticket/{ticket.number}/comment", body, {})
        return answer.headers.get("Location", "").rpartition("/")[2] or "unknown"

    def close(self) -> None:
        """Let go of the connection and of what is remembered."""
        self._session.close()
        self._people.clear()
        self._queues.clear()

    def _row(self, number: str) -> tuple[TicketRow, str]:
        answer = self.get(f"/ticket/{number}", **{"fields[Queue]": "Name"})
        return one(answer, TicketRow), answer.headers.get("ETag", "")

    def _pages(self, path: str, kind: type[T], most: int, **params: Any) -> Iterator[T]:
        """The rows of a collection that leaves none out, to the page that is not full."""
        for number in range(1, most + 1):
            page = many(self.get(path, per_page=PAGE, page=number, **params), kind)
            yield from page
            if len(page) < PAGE:
                return

    def _history(self, number: int) -> Iterator[Step]:
        """Newest first, so that the end is known: RT gives no total, and leaves out what we may not see."""
        for page in range(1, _PAGES + 1):
            steps = many(
                self.get(
                    f"/ticket/{number}/history",
                    fields="Type,Creator,Field,OldValue,NewValue,Data",
                    orderby="id",
                    order="DESC",
                    per_page=PAGE,
                    page=page,
                ),
                Step,
            )
            yield from steps
            if not steps or any(step.kind == "Create" for step in steps):
                return

    def _must_see_others(self) -> None:
        """Raises AccessDenied when not one ticket alone but whole queues are out of our sight."""
        if not any(self.newest(queue) for queue in self.settings.queues):
            raise AccessDenied(
                f"{self._session.base.host}: no ticket of our queues can be seen;"
                " grant ShowTicket and ShowTicketComments to the user"
            )

    def search(self, query: str, order: str, rows: int) -> Answer:
        """Tickets in the order of their numbers."""
        fields = {
            "fields": "Status,Subject,Created,Queue,CustomFields,Requestor,Priority",
            "fields[Queue]": "Name",
        }
        try:
            return self._there("/tickets", query=query, orderby="id", order=order, per_page=rows, **fields)
        except Refused:
            raise ConfigurationError(
                "RT does not understand a search for our queues; look at queues"
            ) from None

    def _there(self, path: str, **params: Any) -> Answer:
        """What every RT has; raises ConfigurationError where the url is none."""
        try:
            return self.get(path, **params)
        except NotFound:
            raise ConfigurationError(f"there is no RT with REST 2 at {self.settings.url}") from None

    def get(self, path: str, **params: Any) -> Answer:
        """Read something; raises what `Session.get` raises."""
        return self._session.get(f"{API}{path}", params)

    def _write(self, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """The one door out. What is not on the list of writes is not sent, whoever asks for it."""
        form, names = _WRITES[method]
        if not form.fullmatch(f"{API}{path}") or not names.issuperset(body):
            raise RejectedError("this change is none that SmartTicket makes")
        return self._session.write(method, f"{API}{path}", body, headers=headers)


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


def _date(answer: Answer) -> datetime:
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError, IndexError):
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
