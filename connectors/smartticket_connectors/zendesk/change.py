"""The bodies of our writes: the one place where they are made. Pure.

A comment is made here with `public` false and in no other place; there is no way to ask for another one.
"""

from __future__ import annotations

from typing import Any

from smartticket_connectors.zendesk.history import MARK, VERSION, mark
from smartticket_connectors.zendesk.note import note_html
from smartticket_connectors.zendesk.ticket import Ticket
from smartticket_daemon.domain import Key, Note, Receipt

Change = dict[str, Any]


def triage_change(
    ticket: Ticket, key: Key, tags: tuple[str, ...], group: int | None, note: Note | None
) -> Change:
    """Tags added, group set and note written in one request, on the ticket exactly as it was read.

    `tags` are those to add, `group` the one to set (None: leave it).
    """
    change = _guarded(ticket)
    change["metadata"] = mark(key, tags, group, ticket.group if group else None)
    if tags:
        change["tags"] = [*ticket.tags, *tags]
    if group is not None:
        change["group_id"] = group
    if note is not None:
        change["comment"] = {"html_body": note_html(note.internal), "public": False}
    return change


def bulk_change(tags: tuple[str, ...]) -> Change:
    """The same tags added to many tickets: Zendesk unites them with those that are there by then."""
    return {"additional_tags": list(tags)}


def undo_change(ticket: Ticket, key: Key, receipt: Receipt, group: tuple[int | None] | None) -> Change:
    """Our tags off, and the group back to what `group` holds (None: leave it)."""
    change = _guarded(ticket)
    change["metadata"] = {MARK: {"v": VERSION, "undone": key}}
    ours = {tag.lower() for tag in receipt.tags}
    if any(tag.lower() in ours for tag in ticket.tags):
        change["tags"] = [tag for tag in ticket.tags if tag.lower() not in ours]
    if group is not None:
        change["group_id"] = group[0]
    return change


def no_change() -> Change:
    """Says nothing, for a ticket that does not exist: only whether we may write shows."""
    return {"safe_update": True, "updated_stamp": "1970-01-01T00:00:00Z"}


def _guarded(ticket: Ticket) -> Change:
    """Refused with 409 when anybody has changed the ticket since it was read."""
    return {"safe_update": True, "updated_stamp": ticket.stamp}
