"""The connector's contract, held against two unrelated real servers."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import pytest
from imapclient import IMAPClient

from smartticket_connectors.imap import ImapConnector
from smartticket_connectors.imap.settings import ImapSettings
from smartticket_connectors.mail.content import read_content
from smartticket_connectors.mail.headers import identity
from smartticket_connectors.mail.parts import split
from smartticket_daemon.testing import ConnectorContract, Remote, Sight
from tests.contract.mailboxes import named
from tests.servers.mailserver import Account, Server

pytest_plugins = ["tests.servers.fixtures"]
FOLDERS = ("INBOX", "Billing", "Other")


class Mailbox:
    """Customers and agents of one account; a ticket is a mail, wherever it lies."""

    connector = ImapConnector
    can = frozenset({"answer", "decide", "retract"})
    groups = ("Billing", "Other")

    def __init__(self, account: Account) -> None:
        self.account = account
        self._numbers = itertools.count()

    def settings(self, start: str = "all") -> ImapSettings:
        return self.account.settings(start=start, batch=3)

    def wrong_settings(self) -> ImapSettings:
        wrong = self.account.secret.with_suffix(".wrong")
        wrong.write_text("not it\n")
        return self.account.settings(password_file=str(wrong))

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, "support@example.org", subject
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Message-ID"] = make_msgid(domain="customer.example")
        mail.set_content(body)
        raw = mail.as_bytes()
        self.account.deliver(raw)
        return identity(raw, len(raw))

    def look(self, ticket: str) -> Sight:
        with self.account.client() as client:
            notes = tuple(_text(raw) for raw in self._notes(client, ticket))
            for folder in FOLDERS:
                if uid := self._find(client, folder, ticket):
                    flags = {flag.decode() for flag in client.get_flags([uid])[uid]} - {"\\Recent"}
                    tags = frozenset(flag for flag in flags if not flag.startswith("\\"))
                    return Sight(True, tags, folder, notes, frozenset(flags - tags))
        return Sight(False, notes=notes)

    def public(self) -> int:
        return len(self.account.rows("Sent", "FLAGS"))

    def agent_tags(self, ticket: str, *tags: str) -> None:
        self._do(ticket, lambda client, uid: client.add_flags([uid], [tag.encode() for tag in tags]))

    def agent_routes(self, ticket: str, group: str) -> None:
        def move(client: IMAPClient, uid: int) -> None:
            if not client.folder_exists(group):
                client.create_folder(group)
            client.move([uid], group)

        self._do(ticket, move)

    def agent_closes(self, ticket: str) -> None:
        raise NotImplementedError("a mail cannot be closed")

    def agent_answers(self, ticket: str) -> None:
        self._do(ticket, lambda client, uid: client.add_flags([uid], [b"\\Answered"]))

    def delete(self, ticket: str) -> None:
        def remove(client: IMAPClient, uid: int) -> None:
            client.add_flags([uid], [b"\\Deleted"])
            client.uid_expunge([uid])

        self._do(ticket, remove)

    def _do(self, ticket: str, deed) -> None:
        with self.account.client() as client:
            for folder in FOLDERS:
                if uid := self._find(client, folder, ticket):
                    deed(client, uid)
                    return
        raise AssertionError("no such mail")

    def _find(self, client: IMAPClient, folder: str, ticket: str) -> int | None:
        if not client.folder_exists(folder):
            return None
        client.select_folder(folder)
        rows = client.fetch(client.search(), ["BODY.PEEK[HEADER]"])
        found = (uid for uid, row in rows.items() if identity(row[b"BODY[HEADER]"], 0) == ticket)
        return next(found, None)

    def _notes(self, client: IMAPClient, ticket: str) -> list[bytes]:
        client.select_folder("Drafts", readonly=True)
        rows = client.fetch(client.search(), ["BODY.PEEK[]"])
        return [row[b"BODY[]"] for row in rows.values() if _answers(row[b"BODY[]"], ticket)]


def _answers(raw: bytes, ticket: str) -> bool:
    draft = message_from_bytes(raw)
    return named(draft["In-Reply-To"], draft["To"]) == ticket


def _text(raw: bytes) -> str:
    return read_content("", split(raw)[1]).body


@pytest.mark.dovecot
class TestOnDovecot(ConnectorContract):
    @pytest.fixture
    def remote(self, dovecot: Server) -> Remote:
        return Mailbox(dovecot.account())


@pytest.mark.cyrus
class TestOnCyrus(ConnectorContract):
    @pytest.fixture
    def remote(self, cyrus: Server) -> Remote:
        return Mailbox(cyrus.account())
