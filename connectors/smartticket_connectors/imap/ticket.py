"""One message looked at just before it is changed: where it lies now, and what people made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from smartticket_connectors.imap.border import NoFolderError
from smartticket_connectors.imap.index import FolderIndex
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.session import Mailbox, Session
from smartticket_connectors.imap.tags import Keeper
from smartticket_connectors.mail.headers import identity
from smartticket_daemon.domain import MessageRef, Triage
from smartticket_daemon.errors import Overtaken

NEWEST = 10_000
"""How far back, in UIDs, a message that left its place is looked for in another folder."""
_IDENTITY = "Message-ID Date From Reply-To To Subject"
_FIELDS = f"{_IDENTITY} In-Reply-To References"
_ITEM = f"BODY.PEEK[HEADER.FIELDS ({_FIELDS})]<0.65536>"


@dataclass(frozen=True, slots=True)
class Look:
    """A message in the open folder, with what is needed to decide and to answer."""

    box: Mailbox
    position: Position
    header: bytes
    tags: frozenset[str]
    flags: frozenset[str]


class Finder:
    """Finds messages by their position, and by their identity where they have left it."""

    def __init__(self, session: Session, keeper: Keeper) -> None:
        self._session = session
        self._keeper = keeper
        self._indexes: dict[str, FolderIndex] = {}

    def find(self, ref: MessageRef, route: str | None = None) -> Look | None:
        """The message where it was, where we may have moved it, or where somebody put it back.

        Its folder is open then.
        """
        position = Position.parse(ref.position)
        if position is None:
            return None
        look = self.at_position(position, ref.ticket)
        if look and "\\deleted" not in look.flags:
            return look
        folders = [route, position.folder] if route and route != position.folder else [position.folder]
        return next((look for look in (self.search(f, ref.ticket) for f in folders) if look), None)

    def at_position(self, position: Position, message: str) -> Look | None:
        """The message where it is said to be; its folder is open then."""
        box = self._enter(position.folder)
        if box is None or box.validity != position.validity:
            return None
        return self._at(box, position.uid, message)

    def _at(self, box: Mailbox, uid: int, message: str) -> Look | None:
        """The message with this UID, if it is the one we mean."""
        row = self._session.fetch([uid], [*self._keeper.items, "RFC822.SIZE", _ITEM]).get(uid)
        header = _header(row)
        position = Position(box.name, box.validity, uid)
        if row is None or header is None:
            return None
        if message not in (position.name, identity(header, int(row.get(b"RFC822.SIZE") or 0))):
            return None
        flags = frozenset(
            f.decode("ascii", "replace").lower() for f in row.get(b"FLAGS", ()) if isinstance(f, bytes)
        )
        return Look(box, position, header, self._keeper.tags(row), flags)

    def search(self, folder: str, message: str) -> Look | None:
        """The newest message with this identity among the last NEWEST of a folder."""
        index = self._indexes.setdefault(
            folder, FolderIndex(self._session, folder, _IDENTITY, _names, newest=NEWEST)
        )
        try:
            uids = index.find(message)
        except NoFolderError:
            return None
        box = self._enter(folder) if uids else None
        found = (self._at(box, uid, message) for uid in reversed(uids)) if box else iter(())
        return next((look for look in found if look and "\\deleted" not in look.flags), None)

    def _enter(self, folder: str) -> Mailbox | None:
        try:
            return self._session.enter(folder)
        except NoFolderError:
            return None


def refuse_overtaken(look: Look, triage: Triage) -> None:
    """Raise Overtaken when a person answered, or set a tag that contradicts ours."""
    if "\\answered" in look.flags:
        raise Overtaken("answered")
    if triage.contradicted_by(look.tags):
        raise Overtaken("human_decided")


def _header(row: dict[bytes, Any] | None) -> bytes | None:
    values = (v for k, v in (row or {}).items() if k.startswith(b"BODY[HEADER.FIELDS"))
    value = next(values, None)
    return value if isinstance(value, bytes) else None


def _names(block: bytes, size: int) -> Iterator[str]:
    yield identity(block, size)
