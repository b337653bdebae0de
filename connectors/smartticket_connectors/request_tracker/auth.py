"""Who we are to RT."""

from __future__ import annotations

import re
from collections.abc import Mapping

from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.http import Session
from smartticket_daemon.source_settings import read_secret


class Token:
    """The token of RT's own making, read from its file before each request."""

    def __init__(self, settings: RequestTrackerSettings) -> None:
        self._settings = settings
        self._sent = ""

    def headers(self, session: Session) -> Mapping[str, str]:  # noqa: ARG002 - part of the protocol
        """See `Auth.headers`."""
        self._sent = self._read()
        return {"Authorization": f"token {self._sent}"}

    def renew(self, session: Session) -> bool:  # noqa: ARG002 - part of the protocol
        """Whether another token was put into the file meanwhile."""
        return self._read() != self._sent

    def _read(self) -> str:
        token = read_secret(self._settings.token_file, "token_file").strip()
        if not re.fullmatch(r"[!-~]+", token, re.ASCII):
            raise ConfigurationError("token_file: the token is plain ASCII without spaces; copy it again")
        return token
