"""Customers and agents of a mailbox on disk, in each format, with eyes of their own."""

from __future__ import annotations

import json
import mailbox
from contextlib import closing
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import make_msgid
from pathlib import Path

from smartticket_connectors.folder import FolderConnector
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_connectors.mail.content import read_content
from smartticket_connectors.mail.headers import identity
from smartticket_connectors.mail.parts import split
from smartticket_daemon.testing import Sight

INBOX, DRAFTS = "", "Drafts"


def mail(subject: str, body: str, sender: str = "ann@customer.example") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "support@example.org", subject
    message["Message-ID"] = make_msgid(domain="customer.example")
    message.set_content(body)
    return message


def ticket_of(message: Message) -> str:
    return named(message["Message-ID"], message["From"])


def named(message_id: object, sender: object) -> str:
    """The ticket of a mail with this Message-ID from this address."""
    return identity(f"Message-ID: {message_id}\nFrom: {sender}\n\n".encode(), 0)


def body_of(message: Message) -> str:
    return read_content("", split(message.as_bytes())[1]).body


class DiskMailbox:
    """A harness for `ConnectorContract`; what differs between the formats is below."""

    connector = FolderConnector
    can = frozenset({"decide", "retract"})
    groups = ("Billing", "Ärger & more")
    records: Path

    def __init__(self, path: Path) -> None:
        self.path = path

    def settings(self, start: str = "all", **more: object) -> FolderSettings:
        return FolderSettings(path=self.path, start=start, **{"batch": 3, **more})

    def wrong_settings(self) -> FolderSettings:
        return self.settings().model_copy(update={"path": self.path / "no" / "such"})

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        message = mail(subject, body, sender)
        self.put(INBOX, message)
        return ticket_of(message)

    def look(self, ticket: str) -> Sight:
        notes = tuple(body_of(m) for m in self.all(DRAFTS) if self._answers(m, ticket))
        for folder in (INBOX, *self.groups):
            for message in self.all(folder):
                if ticket_of(message) == ticket:
                    return Sight(True, self.tags(ticket), folder or None, notes, self.marks(message))
        return Sight(False, notes=notes)

    def places(self, ticket: str) -> list[str]:
        """Every folder in which it lies, once for each copy."""
        return [f for f in (INBOX, *self.groups) for m in self.all(f) if ticket_of(m) == ticket]

    def _answers(self, draft: Message, ticket: str) -> bool:
        return named(draft["In-Reply-To"], draft["To"]) == ticket

    def public(self) -> int:
        return 0

    def tags(self, ticket: str) -> frozenset[str]:
        file = self.records / f"{ticket}.json"
        return frozenset(json.loads(file.read_text())["tags"]) if file.exists() else frozenset()

    def agent_tags(self, ticket: str, *tags: str) -> None:
        self.records.mkdir(exist_ok=True)
        file = self.records / f"{ticket}.json"
        record = json.loads(file.read_text()) if file.exists() else {"tags": []}
        record["tags"] += [tag for tag in tags if tag not in record["tags"]]
        file.write_text(json.dumps(record))

    def agent_routes(self, ticket: str, group: str) -> None:
        self.put(group, self.take(ticket))

    def agent_closes(self, ticket: str) -> None:
        raise NotImplementedError("a mail cannot be closed")

    def delete(self, ticket: str) -> None:
        self.take(ticket)

    def put(self, folder: str, message: Message) -> None:
        raise NotImplementedError

    def all(self, folder: str) -> list[Message]:
        raise NotImplementedError

    def take(self, ticket: str) -> Message:
        raise NotImplementedError

    def marks(self, message: Message) -> frozenset[str]:
        return frozenset()

    def agent_answers(self, ticket: str) -> None:
        raise NotImplementedError("no flags")


class _Standard(DiskMailbox):
    """Through the standard library's own mailboxes."""

    can = frozenset({"decide", "retract", "answer"})

    def box(self, folder: str) -> mailbox.Mailbox:
        raise NotImplementedError

    def put(self, folder: str, message: Message) -> None:
        with closing(self.box(folder)) as box:
            box.add(message)

    def all(self, folder: str) -> list[Message]:
        with closing(self.box(folder)) as box:
            return list(box)

    def take(self, ticket: str) -> Message:
        for folder in (INBOX, *self.groups):
            with closing(self.box(folder)) as box:
                for key, message in box.items():
                    if ticket_of(message) == ticket:
                        box.remove(key)
                        return message
        raise LookupError(ticket)

    def agent_answers(self, ticket: str) -> None:
        with closing(self.box(INBOX)) as box:
            for key, message in list(box.items()):
                if ticket_of(message) == ticket:
                    self.mark_answered(message)
                    box[key] = message

    def mark_answered(self, message: Message) -> None:
        raise NotImplementedError


class MaildirMailbox(_Standard):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        mailbox.Maildir(path).close()
        self.records = path / "smartticket-tags"

    def box(self, folder: str) -> mailbox.Maildir:
        on_disk = folder.replace("&", "&-").replace("Ä", "&AMQ-")
        place = self.path / f".{on_disk}" if folder else self.path
        for part in ("tmp", "new", "cur"):
            (place / part).mkdir(parents=True, exist_ok=True)
        return mailbox.Maildir(place)

    def mark_answered(self, message: Message) -> None:
        assert isinstance(message, mailbox.MaildirMessage)
        message.set_subdir("cur")
        message.add_flag("R")

    def marks(self, message: Message) -> frozenset[str]:
        assert isinstance(message, mailbox.MaildirMessage)
        return frozenset((message.get_subdir(), *message.get_flags()))


class MboxMailbox(_Standard):
    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        super().__init__(path / "support")
        self.path.touch()
        self.records = path / "support.smartticket-tags"

    def box(self, folder: str) -> mailbox.mbox:
        return mailbox.mbox(self.path.parent / folder if folder else self.path)

    def mark_answered(self, message: Message) -> None:
        assert isinstance(message, mailbox.mboxMessage)
        message.add_flag("A")

    def marks(self, message: Message) -> frozenset[str]:
        assert isinstance(message, mailbox.mboxMessage)
        return frozenset(message.get_flags())


class EmlMailbox(DiskMailbox):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        path.mkdir(exist_ok=True)
        self.records = path / "smartticket-tags"
        self._number = 0

    def put(self, folder: str, message: Message) -> None:
        directory = self.path / folder
        directory.mkdir(exist_ok=True)
        self._number += 1
        aside = directory / f".{self._number}"
        aside.write_bytes(message.as_bytes())
        aside.rename(directory / f"{self._number}.eml")

    def _files(self, folder: str) -> list[Path]:
        return sorted((self.path / folder).glob("*.eml"))

    def all(self, folder: str) -> list[Message]:
        return [message_from_bytes(file.read_bytes()) for file in self._files(folder)]

    def take(self, ticket: str) -> Message:
        for folder in (INBOX, *self.groups):
            for file in self._files(folder):
                message = message_from_bytes(file.read_bytes())
                if ticket_of(message) == ticket:
                    file.unlink()
                    return message
        raise LookupError(ticket)
