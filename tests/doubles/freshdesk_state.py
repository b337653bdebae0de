"""A Freshdesk account in memory: its tickets, and what customers and agents do there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from threading import RLock
from typing import Any

OPEN, PENDING, RESOLVED, CLOSED = 2, 3, 4, 5
EMAIL, PHONE, OUTBOUND = 1, 3, 10
FIRST_ID = 67_000_000_000


def stamp(moment: datetime | None) -> str | None:
    """As Freshdesk writes moments: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


@dataclass
class Conversation:
    """A note or reply."""

    id: int
    ticket: int
    body: str
    private: bool
    incoming: bool
    source: int
    user: int
    created: datetime

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ticket_id": self.ticket,
            "body": self.body,
            "body_text": self.body,
            "private": self.private,
            "incoming": self.incoming,
            "source": self.source,
            "user_id": self.user,
            "support_email": None,
            "to_emails": [],
            "attachments": [],
            "created_at": stamp(self.created),
            "updated_at": stamp(self.created),
        }


@dataclass
class Ticket:
    """One ticket; `shown` are values that the service shows instead of the right ones."""

    id: int
    subject: str
    description: str
    requester: int
    created: datetime
    updated: datetime
    source: int = EMAIL
    status: int = OPEN
    tags: list[str] = field(default_factory=list)
    group: int | None = None
    type: str | None = None
    priority: int | None = 1
    custom: dict[str, Any] = field(default_factory=dict)
    spam: bool = False
    deleted: bool = False
    responded: datetime | None = None
    conversations: list[Conversation] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)


class Account:
    """Everything at the service. `now` dates what happens; `agent` is the one whose key we have."""

    def __init__(self, lock: RLock, now: Callable[[], datetime] | None = None) -> None:
        self.lock = lock
        self.now = now or (lambda: datetime.now(UTC))
        self.agent = FIRST_ID + 1
        self.agents = {self.agent: "support_agent", FIRST_ID + 2: "support_agent"}
        self.scope = 1
        self.groups = {FIRST_ID + 10: "Billing", FIRST_ID + 11: "Other"}
        self.fields = {"ticket_type": "Type", "status": "Status", "cf_reason": "Reason "}
        self.contacts: dict[str, int] = {}
        self.tickets: dict[int, Ticket] = {}
        self._serial = FIRST_ID + 1000

    def serial(self) -> int:
        self._serial += 1
        return self._serial

    def deliver(
        self, subject: str, body: str, sender: str = "ann@customer.example", *, source: int = EMAIL
    ) -> str:
        """A customer writes; the text arrives as HTML."""
        with self.lock:
            person = self.contacts.setdefault(sender, self.serial())
            html = f'<div style="font-size:14px"><div dir="ltr">{escape(body)}</div></div>'
            number, moment = len(self.tickets) + 1, self.now()
            self.tickets[number] = Ticket(number, subject, html, person, moment, moment, source)
            return str(number)

    def ticket(self, name: str | int) -> Ticket:
        return self.tickets[int(name)]

    def touch(self, ticket: Ticket) -> None:
        ticket.updated = max(self.now(), ticket.updated)

    def say(
        self,
        name: str | int,
        body: str,
        *,
        private: bool,
        incoming: bool = False,
        source: int = 2,
        user: int = FIRST_ID + 2,
    ) -> Conversation:
        """Somebody adds to a ticket."""
        with self.lock:
            ticket = self.ticket(name)
            said = Conversation(self.serial(), ticket.id, body, private, incoming, source, user, self.now())
            ticket.conversations.append(said)
            self.touch(ticket)
            return said

    def agent_answers(self, name: str | int) -> None:
        with self.lock:
            self.say(name, "<p>We look into it.</p>", private=False, source=0)
            self.ticket(name).responded = self.now()

    def agent_notes(self, name: str | int, body: str = "<p>for us</p>") -> None:
        self.say(name, body, private=True)

    def customer_writes(self, name: str | int, body: str) -> None:
        person = self.ticket(name).requester
        self.say(name, f"<p>{escape(body)}</p>", private=False, incoming=True, source=0, user=person)

    def agent_tags(self, name: str | int, *tags: str) -> None:
        """A person adds tags to what is there now."""
        with self.lock:
            ticket = self.ticket(name)
            ticket.tags += [tag for tag in tags if tag not in ticket.tags]
            self.touch(ticket)

    def agent_saves_tags(self, name: str | int, tags: list[str]) -> None:
        """A person's page, opened earlier, replaces all tags."""
        with self.lock:
            self.ticket(name).tags = list(tags)
            self.touch(self.ticket(name))

    def agent_routes(self, name: str | int, group: str | None) -> None:
        with self.lock:
            ids = {title: number for number, title in self.groups.items()}
            self.ticket(name).group = ids[group] if group else None
            self.touch(self.ticket(name))

    def agent_sets_status(self, name: str | int, status: int) -> None:
        with self.lock:
            self.ticket(name).status = status
            self.touch(self.ticket(name))

    def merge(self, name: str | int, into: str | int) -> None:
        """As Freshdesk does it: the second ticket is closed with a private note."""
        note = f"<div>This ticket is closed and merged into ticket {into}</div>"
        self.say(name, note, private=True)
        self.agent_sets_status(name, CLOSED)

    def mark_spam(self, name: str | int, spam: bool = True) -> None:
        with self.lock:
            self.ticket(name).spam = spam
            self.touch(self.ticket(name))

    def delete(self, name: str | int) -> None:
        """To the bin."""
        with self.lock:
            self.ticket(name).deleted = True
            self.touch(self.ticket(name))

    def purge(self, name: str | int) -> None:
        """For good."""
        with self.lock:
            self.ticket(name).id = -1

    def email_of(self, person: int) -> str:
        return next(email for email, number in self.contacts.items() if number == person)
