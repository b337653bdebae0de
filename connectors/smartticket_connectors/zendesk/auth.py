"""How we sign in: OAuth client credentials, or the API token that is being retired."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from smartticket_connectors.zendesk.fields import whole
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_daemon.errors import AccessDenied
from smartticket_daemon.http import Auth, Refused, Session
from smartticket_daemon.source_settings import read_secret

SCOPE = "read write"
LIFETIME = 7200
"""Seconds that we ask a token to live; Zendesk allows more than 300 and less than 172,800."""

_EARLY = 0.9
"""The share of its life after which a token is renewed."""


def auth_of(settings: ZendeskSettings) -> Auth:
    """The way of signing in that the settings ask for."""
    if settings.client_id and settings.client_secret_file:
        return ClientCredentials(settings.client_id, settings.client_secret_file)
    return ApiToken(str(settings.email), Path(str(settings.api_token_file)))


class ClientCredentials:
    """A bearer token, asked for when it is first needed, before it runs out, and after a 401."""

    def __init__(self, client: str, secret_file: Path) -> None:
        self._client = client
        self._secret_file = secret_file
        self._token = ""
        self._until = 0.0

    def headers(self, session: Session) -> Mapping[str, str]:
        """See `Auth.headers`."""
        if not self._token or session.clock.monotonic() >= self._until:
            self._fetch(session)
        return {"Authorization": f"Bearer {self._token}"}

    def renew(self, session: Session) -> bool:
        """See `Auth.renew`: a token may be revoked before its time."""
        self._token = ""
        self._fetch(session)
        return True

    def _fetch(self, session: Session) -> None:
        request = {
            "grant_type": "client_credentials",
            "client_id": self._client,
            "client_secret": read_secret(self._secret_file, "client_secret_file"),
            "scope": SCOPE,
            "expires_in": LIFETIME,
        }
        asked = session.clock.monotonic()
        try:
            answer = session.write("POST", "/oauth/tokens", request, signed=False).json()
        except (Refused, AccessDenied):
            raise AccessDenied(
                f"{session.base.host}: the OAuth client was refused; look at client_id, at "
                "client_secret_file, and whether the client is confidential and tied to an agent"
            ) from None
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise AccessDenied(f"{session.base.host}: the answer to our OAuth client holds no token")
        self._token = token
        self._until = asked + _EARLY * (whole(lifetime) or LIFETIME)


class ApiToken:
    """Basic authentication with `email/token`."""

    def __init__(self, email: str, token_file: Path) -> None:
        self._email = email
        self._token_file = token_file
        self._header = ""

    def headers(self, session: Session) -> Mapping[str, str]:  # noqa: ARG002 - part of the protocol
        """See `Auth.headers`."""
        if not self._header:
            token = read_secret(self._token_file, "api_token_file")
            plain = f"{self._email}/token:{token}".encode()
            self._header = f"Basic {base64.b64encode(plain).decode()}"
        return {"Authorization": self._header}

    def renew(self, session: Session) -> bool:
        """See `Auth.renew`: only where the file was changed meanwhile."""
        before, self._header = self._header, ""
        return self.headers(session)["Authorization"] != before
