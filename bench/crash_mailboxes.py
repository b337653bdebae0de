"""Mailboxes with a person's eyes and hands: never through a connector."""

from __future__ import annotations

import json
import os
import re
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import ClassVar

from imapclient import IMAPClient

from bench.crash_life import Place
from smartticket_connectors.mail import headers
from smartticket_connectors.mail.parts import split
from tests.mixed import NUMBER
from tests.servers.mailserver import Account

HEADERS = BytesParser()
_OURS = 'own_addresses = ["support@example.org"]\n'


@dataclass
class Copy:
    """One copy of a message as it lies there."""

    number: int
    folder: str
    tags: frozenset[str]


@dataclass
class View:
    """All that a mailbox shows. `drafts` holds the Message-ID that each draft answers."""

    copies: list[Copy] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and self._sorted() == other._sorted()

    def _sorted(self) -> tuple[list[str], list[str]]:
        rows = [f"{c.number} {c.folder} {sorted(c.tags)}" for c in self.copies]
        return sorted(rows), sorted(self.drafts)


def identity(raw: bytes) -> str:
    """The name under which the journal knows this message."""
    return headers.identity(split(raw)[0], len(raw))


def number_of(header: Message) -> int | None:
    text = header.get(NUMBER)
    return int(text) if text else None


class Mailbox(Place):
    """What people and mail servers do."""

    routes: ClassVar[dict[str, str]] = {
        "billing": "Billing",
        "technical_issue": "Second level",
        "order_delivery": "Orders",
    }

    @abstractmethod
    def deliver(self, raw: bytes) -> None:
        """Mail arrives."""

    @abstractmethod
    def view(self) -> View:
        """Everything there is."""

    @abstractmethod
    def retag(self, number: int, tag: str) -> None:
        """A person takes our tags off and sets one."""

    @abstractmethod
    def answer(self, number: int) -> None:
        """A person marks it as answered."""

    @abstractmethod
    def move(self, number: int, folder: str) -> None:
        """A person moves it."""

    @abstractmethod
    def return_it(self, number: int) -> None:
        """A person moves it away and back: it lies at a new position."""

    @abstractmethod
    def delete(self, number: int) -> None:
        """A person deletes it for good."""


class Maildir(Mailbox):
    """A Maildir in a folder."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0
        for name in ("tmp", "new", "cur"):
            (root / name).mkdir(parents=True)

    def settings(self) -> str:
        return f'path = "{self._root}"\n{_OURS}'

    def deliver(self, raw: bytes) -> None:
        name = self._name()
        (self._root / "tmp" / name).write_bytes(raw)
        (self._root / "tmp" / name).rename(self._root / "new" / name)

    def _name(self) -> str:
        self._count += 1
        return f"{time.time_ns()}.M{self._count}P{os.getpid()}.here"

    def view(self) -> View:
        shown = View()
        for folder, header, raw in self._mails():
            number = number_of(header)
            if number is None:
                shown.drafts.append(str(header["In-Reply-To"]))
            else:
                shown.copies.append(
                    Copy(number, folder, frozenset(self._record(identity(raw)).get("tags", ())))
                )
        return shown

    def _mails(self) -> Iterator[tuple[str, Message, bytes]]:
        for file in self._files():
            raw = file.read_bytes()
            folder = file.parent.parent.name.lstrip(".") if file.parent.parent != self._root else "INBOX"
            yield folder, HEADERS.parsebytes(raw, headersonly=True), raw

    def _files(self) -> Iterator[Path]:
        for sub in ("new", "cur"):
            yield from (self._root / sub).iterdir()
            for folder in self._root.glob(f".*/{sub}"):
                yield from folder.iterdir()

    def _file(self, number: int) -> Path:
        return next(f for f in self._files() if number_of(HEADERS.parsebytes(f.read_bytes(), True)) == number)

    def _record(self, name: str) -> dict[str, object]:
        path = self._root / "smartticket-tags" / f"{name}.json"
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}

    def retag(self, number: int, tag: str) -> None:
        name = identity(self._file(number).read_bytes())
        (self._root / "smartticket-tags").mkdir(exist_ok=True)
        path = self._root / "smartticket-tags" / f"{name}.json"
        path.write_text(json.dumps({**self._record(name), "tags": [tag]}), "utf-8")

    def answer(self, number: int) -> None:
        file = self._file(number)
        name = file.name.partition(":2,")[0]
        file.rename(file.parent.parent / "cur" / f"{name}:2,RS")

    def move(self, number: int, folder: str) -> None:
        home = self._root / f".{folder}"
        for name in ("tmp", "new", "cur"):
            (home / name).mkdir(parents=True, exist_ok=True)
        file = self._file(number)
        file.rename(home / "cur" / file.name)

    def return_it(self, number: int) -> None:
        file = self._file(number)
        file.rename(self._root / "cur" / f"{self._name()}:2,S")

    def delete(self, number: int) -> None:
        self._file(number).unlink()


_IN_REPLY_TO = re.compile(rb"In-Reply-To:\s*(\S+)", re.IGNORECASE)
_NUMBER = re.compile(rb"X-Test-Number:\s*(\d+)", re.IGNORECASE)


class ImapBox(Mailbox):
    """An account on a real server."""

    kind = "imap"

    def __init__(self, account: Account) -> None:
        self._account = account

    def settings(self) -> str:
        env = self._account.server.env
        return (
            f'host = "localhost"\nport = {env["IMAPS_PORT"]}\nca_file = "{env["IMAP_CA"]}"\n'
            f'username = "{self._account.user}"\npassword_file = "{self._account.secret}"\n{_OURS}'
        )

    def deliver(self, raw: bytes) -> None:
        self._account.deliver(raw)

    def view(self) -> View:
        shown = View()
        with self._account.client() as client:
            for _, _, folder in client.list_folders():
                client.select_folder(folder, readonly=True)
                for row in client.fetch(client.search(), ["FLAGS", "BODY.PEEK[HEADER]"]).values():
                    header = row[b"BODY[HEADER]"]
                    if found := _NUMBER.search(header):
                        tags = frozenset(f.decode() for f in row[b"FLAGS"] if not f.startswith((b"\\", b"$")))
                        shown.copies.append(Copy(int(found[1]), folder, tags))
                    elif found := _IN_REPLY_TO.search(header):
                        shown.drafts.append(found[1].decode())
        return shown

    @contextmanager
    def _found(self, number: int) -> Iterator[tuple[IMAPClient, int]]:
        """A mail program with the message's folder open, and its UID."""
        with self._account.client() as client:
            for _, _, folder in client.list_folders():
                client.select_folder(folder)
                rows = client.fetch(client.search(["HEADER", NUMBER, str(number)]), ["BODY.PEEK[HEADER]"])
                for uid, row in rows.items():
                    found = _NUMBER.search(row[b"BODY[HEADER]"])
                    if found and int(found[1]) == number:
                        yield client, uid
                        return

    def retag(self, number: int, tag: str) -> None:
        with self._found(number) as (client, uid):
            ours = [f for f in client.get_flags([uid])[uid] if f.startswith(b"category__")]
            if ours:
                client.remove_flags([uid], ours)
            client.add_flags([uid], [tag.encode()])

    def answer(self, number: int) -> None:
        with self._found(number) as (client, uid):
            client.add_flags([uid], [b"\\Answered", b"\\Seen"])

    def move(self, number: int, folder: str) -> None:
        with self._found(number) as (client, uid):
            if not client.folder_exists(folder):
                client.create_folder(folder)
            client.move([uid], folder)

    def return_it(self, number: int) -> None:
        self.move(number, "Elsewhere")
        self.move(number, "INBOX")

    def delete(self, number: int) -> None:
        with self._found(number) as (client, uid):
            client.delete_messages([uid])
            client.uid_expunge([uid])
