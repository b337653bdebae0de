"""Zendesk's tickets and users as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from smartticket_connectors.zendesk.fields import (
    Json,
    MalformedError,
    inner,
    moment,
    objects,
    text,
    texts,
    whole,
)
from smartticket_daemon.domain import Author, Status

_STATUS = {
    "new": Status.OPEN,
    "open": Status.OPEN,
    "pending": Status.OPEN,
    "hold": Status.OPEN,
    "solved": Status.SOLVED,
    "closed": Status.CLOSED,
    "deleted": Status.DELETED,
}
_MERGED_TAG = "closed_by_merge"
"""What Zendesk tags a ticket with that was merged into another."""

_CONVERSATIONS = ("chat", "native_messaging", "messaging")
_STAFF = ("agent", "admin")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who wrote, as far as we may know."""

    id: int
    name: str = ""
    email: str = ""
    role: str = ""
    suspended: bool = False

    @classmethod
    def parse(cls, raw: Json) -> Self | None:
        """The user in an answer; None without an id, which is how Zendesk shows nobody."""
        number = whole(raw.get("id"))
        if number is None:
            return None
        return cls(
            number,
            text(raw.get("name")),
            text(raw.get("email")),
            text(raw.get("role")),
            raw.get("suspended") is True,
        )

    @property
    def staff(self) -> bool:
        """Agents and administrators. Being the requester of a ticket proves nothing: they ask, too."""
        return self.role in _STAFF


Users = dict[int, User]


def users_of(raw: Iterable[Json]) -> Users:
    """The users of a side-load by their ids."""
    return {user.id: user for user in map(User.parse, raw) if user}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What we use of a ticket. `updated` is its stamp, with a resolution of one second."""

    id: int
    status: Status
    begun: bool
    """True once the ticket is no longer `new`: somebody may have answered."""
    subject: str
    description: str
    tags: tuple[str, ...]
    group: int | None
    requester: int | None
    submitter: int | None
    created: datetime
    updated: datetime
    stamp: str
    channel: str
    follow_up: bool
    conversation: bool
    replies: int | None = None
    """How often agents answered, as Zendesk counts; None where the answer does not include it."""

    @classmethod
    def parse(cls, raw: Json) -> Self:
        """The ticket in an answer. Raises MalformedError where its state or its times cannot be read."""
        number = whole(raw.get("id"))
        if number is None or number <= 0:
            raise MalformedError("id")
        channel = channel_of(raw)
        return cls(
            id=number,
            status=_status(raw),
            begun=raw.get("status") != "new",
            subject=text(raw.get("subject")),
            description=text(raw.get("description")),
            tags=texts(raw.get("tags")),
            group=whole(raw.get("group_id")),
            requester=whole(raw.get("requester_id")),
            submitter=whole(raw.get("submitter_id")),
            created=moment(raw.get("created_at")),
            updated=moment(raw.get("updated_at")),
            stamp=text(raw.get("updated_at")),
            channel=channel,
            follow_up=channel == "closed_ticket" or _rel(raw) == "follow_up",
            conversation=channel in _CONVERSATIONS or raw.get("from_messaging_channel") is True,
            replies=whole(inner(raw, "metric_set").get("replies")),
        )

    def author(self, users: Users) -> Author:
        """Who wrote the first message: whoever submitted the ticket, by the role that person has."""
        writer = users.get(self.submitter or 0) or users.get(self.requester or 0)
        return Author.AGENT if writer and writer.staff else Author.REQUESTER


def channel_of(raw: Json) -> str:
    """How a ticket came in: `email`, `web`, `api`, `chat` ..."""
    return text(inner(raw, "via").get("channel"))


def with_metrics(page: Json) -> list[Json]:
    """The tickets of a page, each with its `metric_set`, which Zendesk puts beside or into them."""
    beside = {whole(found.get("ticket_id")): found for found in objects(page.get("metric_sets"))}
    return [{"metric_set": beside.get(whole(raw.get("id"))), **raw} for raw in objects(page.get("tickets"))]


def _rel(raw: Json) -> str:
    return text(inner(raw, "via", "source").get("rel"))


def _status(raw: Json) -> Status:
    found = _STATUS.get(text(raw.get("status")))
    if found is None:
        raise MalformedError("status")
    if raw.get("subject") == "SCRUBBED" and raw.get("description") == "X":
        return Status.DELETED
    if found is Status.CLOSED and (_MERGED_TAG in texts(raw.get("tags")) or _rel(raw) == "merge"):
        return Status.MERGED
    return found
