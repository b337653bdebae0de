"""The imap connector as a client of the lying server, and the mail it finds there."""

from __future__ import annotations

from collections.abc import Callable

from smartticket_connectors.imap import ImapConnector
from smartticket_daemon.domain import Cursor, MessageRef, Note, Triage
from tests.servers.lying import LyingServer
from tests.servers.lying_mail import Mail

TIMEOUT = 2.0
NOTE = Note("Hello,\nwe look into it.", "billing.en")
PLAN = Triage(("category__billing",), None, NOTE)
Connect = Callable[..., ImapConnector]


def mail(number: int, body: str = "text", extra: str = "") -> Mail:
    head = f"From: ann@customer.example\r\nSubject: Question {number}\r\n"
    own = f"Message-ID: <{number}@customer.example>\r\n"
    return Mail(f"{head}{own}{extra}Content-Type: text/plain\r\n\r\n{body} {number}\r\n".encode())


def fill(server: LyingServer, count: int) -> None:
    for number in range(1, count + 1):
        server.inbox.add(mail(number))


def subjects(connector: ImapConnector, cursor: Cursor | None = None) -> list[str]:
    return [message.subject for batch in connector.fetch(cursor) for message in batch.messages]


def refs(connector: ImapConnector) -> list[MessageRef]:
    return [message.ref for batch in connector.fetch(None) for message in batch.messages]
