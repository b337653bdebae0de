"""The first message of a ticket, as RT stored it, into a Message.

RT keeps the mail's headers as text and its leaves in UTF-8; only those that hold the text are fetched.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from smartticket_connectors.mail.headers import Headers, parameters
from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import Part, holds_text
from smartticket_connectors.request_tracker.desk import Desk
from smartticket_connectors.request_tracker.ticket import Ticket
from smartticket_connectors.request_tracker.wire import Attachment, Step
from smartticket_daemon.domain import Author, Message, MessageRef, Requester, Status
from smartticket_daemon.errors import Overtaken, RejectedError
from smartticket_daemon.text import clean_line

FIRST = "first"
"""Name of a ticket's first message; no other is triaged."""
_MOST = 10
"""Leaves that are fetched for their text."""
_LARGEST = 8 * 1024 * 1024
"""Bytes of a leaf; larger ones are not fetched."""
_SHORT = 400
"""Bytes of plain text below which the HTML is fetched too: it may say more."""


def read_message(desk: Desk, source: str, number: int) -> Message:
    """The ticket's first message.

    Raises Overtaken when the ticket is gone, RejectedError when its beginning cannot be seen.
    """
    ticket = desk.ticket(number)
    if ticket.status is Status.DELETED:
        raise Overtaken("deleted")
    leaves = [Leaf(row) for row in desk.attachments(ticket.first.id)] if ticket.first else []
    fill([leaves], lambda sizes: {number: _content(desk, number) for number in sizes})
    return compose(desk, source, ticket, leaves)


def compose(desk: Desk, source: str, ticket: Ticket, leaves: list[Leaf]) -> Message:
    """The message in these leaves. Raises RejectedError when the ticket's beginning cannot be seen."""
    first = ticket.first
    if first is None:
        raise RejectedError("the first message of the ticket cannot be seen; grant ShowTicket")
    message = message_from(
        source,
        "",
        leaves[0].block if leaves else b"",
        [leaf.part for leaf in leaves if not leaf.part.content_type.startswith("multipart/")],
        size=0,
        received=ticket.created,
        defects=("cut",) if any(leaf.part.cut for leaf in leaves) else (),
    )
    subject = message.subject or clean_line(ticket.subject)
    return _standing(desk, ticket, first, replace(message, subject=subject))


def ref_of(source: str, number: int) -> MessageRef:
    """How the first message of a ticket is called."""
    return MessageRef(source, str(number), FIRST)


def answered(desk: Desk, ticket: Ticket) -> bool:
    """Whether somebody of the desk's own wrote to the customer."""
    return any(desk.person(name).privileged for name in ticket.replies)


def _standing(desk: Desk, ticket: Ticket, first: Step, message: Message) -> Message:
    """The message with what RT knows of its ticket."""
    return replace(
        message,
        ref=ref_of(message.ref.source, ticket.number),
        author=_author(desk, ticket, first),
        requester=message.requester if message.requester.address else _requester(desk, ticket),
        number=str(ticket.number),
        status=ticket.status,
        answered=answered(desk, ticket),
        tags=frozenset(ticket.tags),
        group=None if ticket.queue in desk.settings.queues else ticket.queue,
        answers=(),
    )


def _author(desk: Desk, ticket: Ticket, first: Step) -> Author:
    """Who made the ticket; one of the desk's own people may be the requester too."""
    name = first.creator.id
    if name == ticket.ours:
        return Author.OURSELVES
    if name in ticket.requesters or not desk.person(name).privileged:
        return Author.REQUESTER
    return Author.AGENT


def _requester(desk: Desk, ticket: Ticket) -> Requester:
    if not ticket.requesters:
        return Requester()
    name = ticket.requesters[0]
    person = desk.person(name)
    address = person.address or (name if "@" in name else "")
    return Requester(clean_line(person.real_name, 100), address.lower())


class Leaf:
    """One row of the list of attachments, and the part that becomes of it."""

    def __init__(self, row: Attachment) -> None:
        self.number = row.id
        self.block = row.headers.encode("utf-8", "replace") + b"\n\n"
        headers = Headers(self.block)
        _, params = parameters(headers.get("content-type"))
        length = headers.get("content-length")
        self.size = int(length) if length.isascii() and length.isdigit() else 0
        self.part = Part(
            content_type=row.content_type.lower(),
            data=b"",
            charset="utf-8",
            disposition=parameters(headers.get("content-disposition"))[0],
            filename=row.filename,
            params=params,
        )

    @property
    def is_body(self) -> bool:
        """Whether it may hold what the customer says."""
        part = self.part
        return holds_text(part.content_type) and part.disposition != "attachment" and not part.filename


Contents = Callable[[Mapping[int, int]], Mapping[int, bytes]]
"""The contents of leaves by their numbers, given the sizes of those wanted."""


def fill(mails: Sequence[list[Leaf]], contents: Contents) -> None:
    """Fetch what many mails say: plain text first, anything else only where that says little."""
    bodies = [[leaf for leaf in mail if leaf.is_body] for mail in mails]
    plain = [[leaf for leaf in body if leaf.part.content_type == "text/plain"] for body in bodies]
    _fill([leaf for some in plain for leaf in some[:_MOST]], contents)
    others = [
        [leaf for leaf in body if leaf not in some][:_MOST]
        for body, some in zip(bodies, plain, strict=True)
        if sum(len(leaf.part.data) for leaf in some) < _SHORT
    ]
    _fill([leaf for some in others for leaf in some], contents)


def _fill(leaves: Sequence[Leaf], contents: Contents) -> None:
    sizes = {leaf.number: leaf.size for leaf in leaves if leaf.size <= _LARGEST}
    found = contents(sizes)
    for leaf in leaves:
        cut = leaf.number not in sizes
        leaf.part = replace(leaf.part, cut=cut, data=found.get(leaf.number, b""))


def _content(desk: Desk, number: int) -> bytes:
    try:
        return b64decode(desk.attachment(number).content)
    except binascii.Error:
        return b""
