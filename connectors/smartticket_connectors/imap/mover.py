"""Moving a message to another folder: MOVE (RFC 6851), or COPY and a careful EXPUNGE (RFC 4315)."""

from __future__ import annotations

import contextlib
import re

from smartticket_connectors.imap.border import NoFolderError, RefusedError
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.session import Session
from smartticket_daemon.errors import RejectedError, SmartTicketError

_COPYUID = re.compile(rb"(\d+) (\d+) (\d+)$")


class Mover:
    """Moves messages out of the open folder."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def move(self, uid: int, folder: str) -> Position | None:
        """Move one message; where it lies then, if the server tells.

        A UID that is gone is moved without an error and without an answer, so None may also mean that.
        Makes the folder where the settings allow it, else raises NoFolderError.
        """
        try:
            told = self._transfer(uid, folder)
        except (NoFolderError, RefusedError, RejectedError):
            if not self._create(folder):
                raise
            told = self._transfer(uid, folder)
        found = _COPYUID.search(told[-1]) if told else None
        return Position(folder, int(found[1]), int(found[3])) if found else None

    def _transfer(self, uid: int, folder: str) -> list[bytes]:
        self._session.untagged("COPYUID")
        if self._session.can("MOVE"):
            self._session.call("move", [uid], folder)
            return self._session.untagged("COPYUID")
        self._session.call("copy", [uid], folder)
        told = self._session.untagged("COPYUID")
        self._session.call("add_flags", [uid], [b"\\Deleted"], silent=True)
        # a plain EXPUNGE would also remove what a person marked: without UIDPLUS the original stays, flagged
        if self._session.can("UIDPLUS"):
            self._session.call("uid_expunge", [uid])
        return told

    def _create(self, folder: str) -> bool:
        """False when it is there already, so that something else was the matter."""
        if self._session.call("folder_exists", folder):
            return False
        if not self._session.settings.create_folders:
            raise NoFolderError(
                f"{self._session.where}: no folder {folder} to route to; create it or set create_folders"
            )
        try:
            self._session.call("create_folder", folder)
        except (RefusedError, RejectedError):
            raise NoFolderError(
                f"{self._session.where}: the server will not make the folder {folder}; correct route"
            ) from None
        with contextlib.suppress(SmartTicketError):
            self._session.call("subscribe_folder", folder)
        return True
