"""What people have sent: an answer that went out is found there, also where nobody flagged the question."""

from __future__ import annotations

from collections.abc import Iterator

from smartticket_connectors.imap.border import NoFolderError
from smartticket_connectors.imap.index import FolderIndex
from smartticket_connectors.imap.session import Session
from smartticket_connectors.mail.draft import KEY_HEADER
from smartticket_connectors.mail.headers import Headers, answers
from smartticket_daemon.domain import Key, MessageRef

NEWEST = 10_000
"""How far back, in UIDs, an answer is looked for."""


class Sent:
    """The folder marked as \\Sent (RFC 6154), or the one called so; without either nothing is known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._index: FolderIndex | None = None
        self._looked = -1

    def answers(self, ref: MessageRef, key: Key) -> bool:
        """Whether our draft with this key, or any other answer to this message, was sent."""
        if self._index is None and self._looked != self._session.epoch:
            self._index, self._looked = self._open(), self._session.epoch
        if self._index is None:
            return False
        try:
            return any(self._index.find(name, fresh=False) for name in (key, f"re {ref.message}"))
        except NoFolderError:
            return False

    def _open(self) -> FolderIndex | None:
        folders = [(flags, str(name)) for flags, _, name in self._session.call("list_folders")]
        marked = [name for flags, name in folders if b"\\sent" in {f.lower() for f in flags}]
        called = [name for _, name in folders if name == "Sent"]
        fields = f"{KEY_HEADER} In-Reply-To"
        for name in (*marked, *called):
            return FolderIndex(self._session, name, fields, _names, newest=NEWEST)
        return None


def _names(block: bytes, _size: int) -> Iterator[str]:
    if key := Headers(block).get(KEY_HEADER).strip():
        yield key
    yield from (f"re {answered}" for answered in answers(block))
