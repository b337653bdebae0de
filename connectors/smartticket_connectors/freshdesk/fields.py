"""What Freshdesk's answers say, as values. Pure; lenient about what we do not need, strict about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from smartticket_daemon.domain import Requester, Status
from smartticket_daemon.errors import Unreachable
from smartticket_daemon.text import clean, clean_line, customer_text, from_html

SOLVED, CLOSED = 4, 5
OUTBOUND = 10
"""The source of tickets that an agent began by writing to a customer."""

_MERGED = "is closed and merged into ticket"


def number(value: Any) -> int | None:
    """A positive integer, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def ticket_number(ticket: Any) -> int:
    """A ticket's number; without one the answer is not the service's, which raises Unreachable."""
    found = number(ticket.get("id")) if isinstance(ticket, dict) else None
    if found is None:
        raise Unreachable("the list of tickets is not what the service sends; look at url")
    return found


def moment(value: Any) -> datetime:
    """A moment with any offset. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("no moment")
    parsed = datetime.fromisoformat(value)
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a moment before or after all time") from None


def updated(ticket: Mapping[str, Any]) -> datetime:
    """When a ticket last changed; without it the answer is not the service's, which raises Unreachable."""
    try:
        return moment(ticket.get("updated_at"))
    except ValueError:
        raise Unreachable("the list of tickets is not what the service sends; look at url") from None


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts; both null and [] are none."""
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def status(ticket: Mapping[str, Any]) -> Status:
    """Codes beyond 5 are the account's own: nobody has called these done."""
    if ticket.get("deleted") is True:
        return Status.DELETED
    if ticket.get("spam") is True:
        return Status.SPAM
    if ticket.get("status") == CLOSED:
        return Status.MERGED if _merged(ticket) else Status.CLOSED
    return Status.SOLVED if ticket.get("status") == SOLVED else Status.OPEN


def _merged(ticket: Mapping[str, Any]) -> bool:
    """Freshdesk has no flag for it: it closes the ticket and says so in a private note."""
    said = ticket.get("conversations")
    notes = (c for c in said if isinstance(c, dict)) if isinstance(said, list) else ()
    return any(c.get("private") is True and _MERGED in str(c.get("body")) for c in notes)


def categories(ticket: Mapping[str, Any], field: str | None) -> tuple[str, ...]:
    """Where categories stand: the tags, or the values in the custom field."""
    if field is None:
        return texts(ticket.get("tags"))
    custom = ticket.get("custom_fields")
    value = custom.get(field) if isinstance(custom, dict) else None
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else ()


def requester(ticket: Mapping[str, Any]) -> Requester:
    """Name and address, where the answer includes them."""
    person = ticket.get("requester")
    if not isinstance(person, dict):
        return Requester()
    return Requester(clean_line(_text(person.get("name"))), clean_line(_text(person.get("email"))))


def subject(ticket: Mapping[str, Any]) -> str:
    """On one line."""
    return clean_line(_text(ticket.get("subject")))


def body(text: Mapping[str, Any], name: str = "description", subject: str = "") -> str:
    """What the customer wrote; the HTML is better than its plain form, which does not mark quotations."""
    html = _text(text.get(name))
    plain = from_html(html) if html else clean(_text(text.get(f"{name}_text")))
    return customer_text(plain, subject)


def files(ticket: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of attachments."""
    found = ticket.get("attachments")
    names = (f.get("name") for f in found if isinstance(f, dict)) if isinstance(found, list) else ()
    return tuple(clean_line(name, 200) for name in names if isinstance(name, str))


def answered(ticket: Mapping[str, Any]) -> bool:
    """An agent has replied, as the included statistics say."""
    stats = ticket.get("stats")
    return isinstance(stats, dict) and bool(
        stats.get("agent_responded_at") or stats.get("first_responded_at")
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
