"""The people and the tickets that the double of Zendesk keeps, and what people do to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from tests.doubles.hour import Hour

GROUPS = {360001: "Billing", 360002: "Complaints", 360003: "Support"}
ADMIN, AGENT, OURS = 9001, 9002, 9003


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Record:
    """One ticket with its audits."""

    id: int
    subject: str
    description: str
    requester: int
    submitter: int
    created: datetime
    updated: datetime
    generated: datetime
    channel: str = "email"
    status: str = "new"
    tags: list[str] = field(default_factory=list)
    group: int | None = None
    audits: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    archived: bool = False
    """Gone from the list; still there by its number."""

    def shown(self, url: str) -> dict[str, Any]:
        return {
            "url": f"{url}/api/v2/tickets/{self.id}.json",
            "id": self.id,
            "external_id": None,
            "via": {"channel": self.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": iso(self.created),
            "updated_at": iso(self.updated),
            "type": None,
            "subject": self.subject,
            "raw_subject": self.subject,
            "description": self.description,
            "priority": None,
            "status": self.status,
            "recipient": None,
            "requester_id": self.requester,
            "submitter_id": self.submitter,
            "assignee_id": None,
            "organization_id": None,
            "group_id": self.group,
            "is_public": True,
            "tags": list(self.tags),
            "custom_fields": [],
            "from_messaging_channel": False,
            "generated_timestamp": int(self.generated.timestamp()),
            **self.extra,
        }


TICKET_FIELDS = [
    {
        "id": 7001,
        "title": "Reason ",
        "custom_field_options": [{"name": "Card declined", "value": "reason_card"}],
    },
    {"id": 7002, "title": "Products", "custom_field_options": [{"name": "App", "value": "p_app"}]},
    {"id": 7003, "title": "Escalated", "custom_field_options": None},
]


class Tenant:
    """The people and the tickets of one Zendesk, and what people do to them.

    `public` counts the comments of ours that everybody may read; `lock` is the service's.
    """

    lock: RLock

    def __init__(self, hour: Hour) -> None:
        self.hour = hour
        self.tickets: dict[int, Record] = {}
        self.users: dict[int, dict[str, Any]] = {}
        self.public = 0
        self._numbers = 1000
        for number, name, role in ((ADMIN, "Ada", "admin"), (AGENT, "Bob", "agent"), (OURS, "Triage", "")):
            self._user(number, name, f"{name.lower()}@acme.example", role)

    def _user(self, number: int, name: str, email: str, role: str) -> int:
        self.users[number] = {"id": number, "name": name, "email": email, "role": role, "suspended": False}
        return number

    def customer(self, email: str) -> int:
        known = (n for n, user in self.users.items() if user["email"] == email)
        return next(known, 0) or self._user(self.number(), email.partition("@")[0].title(), email, "end-user")

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def create(self, subject: str, body: str, sender: str = "ann@customer.example", **fields: Any) -> int:
        with self.lock:
            requester, number, now = self.customer(sender), self.number(), self.hour.at
            record = Record(number, subject, body, requester, requester, now, now, now)
            for name, value in fields.items():
                setattr(record, name, value)
            self.tickets[number] = record
            self.audit(record, record.submitter, [self.comment(record.submitter, body, public=True)])
            return number

    def comment(self, author: int, html: str, *, public: bool) -> dict[str, Any]:
        self.public += public and author == OURS
        number = self.number()
        return {
            "id": number, "type": "Comment", "author_id": author, "body": html, "html_body": html,
            "plain_body": html, "public": public, "attachments": [], "audit_id": None,
        }  # fmt: skip

    def tags_changed(self, before: list[str], after: list[str]) -> dict[str, Any]:
        return {
            "id": self.number(), "type": "Change", "field_name": "tags",
            "value": list(after), "previous_value": list(before),
        }  # fmt: skip

    def audit(
        self, record: Record, author: int, events: list[dict[str, Any]], custom: Any = None
    ) -> dict[str, Any]:
        """Note a change: the stamp moves, and the ticket comes back in the export."""
        record.updated = record.generated = self.hour.at
        audit = {
            "id": self.number(), "ticket_id": record.id, "created_at": iso(self.hour.at), "author_id": author,
            "metadata": {"system": {"client": "", "ip_address": "192.0.2.1"}, "custom": custom or {}},
            "events": events, "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        }  # fmt: skip
        for event in events:
            event["audit_id"] = audit["id"]
        record.audits.append(audit)
        return audit

    def change(self, number: int, author: int = AGENT, **fields: Any) -> None:
        """A person changes a ticket."""
        with self.lock:
            record = self.tickets[number]
            events = [{"id": self.number(), "type": "Change", "field_name": name} for name in fields]
            for name, value in fields.items():
                setattr(record, name, value)
            self.audit(record, author, events)

    def speak(self, number: int, author: int = AGENT, *, public: bool = True) -> None:
        with self.lock:
            record = self.tickets[number]
            record.status = "open"
            self.audit(record, author, [self.comment(author, "We are on it.", public=public)])

    def metric_set(self, record: Record) -> dict[str, Any]:
        """What Zendesk counts: agents' public comments, the first message aside."""
        said = [event for audit in record.audits for event in audit["events"] if event["type"] == "Comment"]
        staff = {number for number, user in self.users.items() if user["role"] != "end-user"}
        replies = sum(event["public"] and event["author_id"] in staff for event in said[1:])
        return {"ticket_id": record.id, "replies": replies, "reopens": 0}

    def notes(self, number: int) -> list[dict[str, Any]]:
        record = self.tickets[number]
        events = [event for audit in record.audits for event in audit["events"]]
        return [e for e in events if e["type"] == "Comment" and e["author_id"] == OURS]
