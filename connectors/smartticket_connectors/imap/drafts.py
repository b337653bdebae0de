"""Suggested replies as drafts: written once, found again by their key, removed only while they are ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from smartticket_connectors.imap.border import NoFolderError
from smartticket_connectors.imap.index import FolderIndex
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.seal import Seal, sealed
from smartticket_connectors.imap.session import Session
from smartticket_connectors.mail.draft import KEY_HEADER, build_draft, draft_id
from smartticket_connectors.mail.headers import Headers, fingerprint_of, message_id
from smartticket_daemon.domain import Key, Note

_APPENDUID = re.compile(rb"\[?APPENDUID (\d+) (\d+)")
_LIMIT = 131_072


class Drafts:
    """The drafts folder of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folder = session.settings.drafts
        self._index: FolderIndex | None = None

    @property
    def folder(self) -> str:
        """The setting, or what the server marks as \\Drafts (RFC 6154); without either NoFolderError."""
        if self._folder is None:
            self._folder = self._special()
        return self._folder

    def find(self, key: Key, *, fresh: bool = True) -> Position | None:
        """Where the newest draft with this key lies; another folder may be open then.

        Nobody but us writes drafts with our keys, so what this connection knows is mostly fresh enough.
        """
        index = self._indexed()
        uids = index.find(key, fresh=fresh) or index.find(note_id(key), fresh=False)
        return Position(self.folder, index.validity, uids[-1]) if uids else None

    def write(
        self, header: bytes, note: Note, key: Key, sender: str, tags: Iterable[str], route: str | None
    ) -> Position | None:
        """Append the draft; its place, where the server tells."""
        raw = sealed(build_draft(header, note, key, sender), key, tags, route)
        answer = self._session.call("append", self.folder, raw, flags=[b"\\Draft", b"\\Seen"])
        found = _APPENDUID.search(answer if isinstance(answer, bytes) else b"")
        if found is None:
            self._indexed().outdate()
            return None
        position = Position(self.folder, int(found[1]), int(found[2]))
        index = self._indexed()
        if index.validity == position.validity:
            index.add(position.uid, (key, note_id(key)))
        return position

    def seal(self, position: Position, key: Key) -> Seal:
        """The seal of the draft at this place."""
        return Seal.of(self._raw(position), key)

    def remove(self, key: Key) -> bool:
        """Delete our draft where it stands unchanged; a person's version of it stays."""
        position = self.find(key)
        if position is None:
            return False
        raw = self._raw(position)
        if not Seal.of(raw, key).unbroken(raw):
            return False
        self._session.call("add_flags", [position.uid], [b"\\Deleted"], silent=True)
        if self._session.can("UIDPLUS"):
            self._session.call("uid_expunge", [position.uid])
        return True

    def _raw(self, position: Position) -> bytes:
        self._session.enter(position.folder)
        row = self._session.fetch([position.uid], [f"BODY.PEEK[]<0.{_LIMIT}>"]).get(position.uid, {})
        return row.get(b"BODY[]<0>") or b""

    def _indexed(self) -> FolderIndex:
        if self._index is None:
            self._index = FolderIndex(self._session, self.folder, f"{KEY_HEADER} Message-ID", _names)
        return self._index

    def _special(self) -> str:
        for flags, _, name in self._session.call("list_folders"):
            if b"\\drafts" in {flag.lower() for flag in flags if isinstance(flag, bytes)}:
                return str(name)
        raise NoFolderError(
            f"{self._session.where}: the server marks no folder as \\Drafts; name it with the setting drafts"
        )


def note_id(key: Key) -> str:
    """The fingerprint of the draft's Message-ID: what an answer to it will name."""
    return fingerprint_of(draft_id(key)[1:-1].encode())


def _names(block: bytes, _size: int) -> Iterator[str]:
    headers = Headers(block)
    if key := headers.get(KEY_HEADER).strip():
        yield key
    if identifier := message_id(headers):
        yield fingerprint_of(identifier)
