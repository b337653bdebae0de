"""Every request that the connector can make to Freshdesk (API v2), and none besides.

An `include` costs 2 more requests of the account's limit on a list, 1 more on a single ticket.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_daemon.errors import ConfigurationError, RejectedError, Unreachable
from smartticket_daemon.http import Answer, NotFound, Refused, Session
from smartticket_daemon.source_settings import read_secret

LAST_PAGE = 300
"""Freshdesk refuses to turn further pages."""

PAGE = 100
"""Items a page has at most."""

_ROOT = "/api/v2"

_LIST, _UPDATE = "list", "update"
"""Freshdesk limits both further and announces neither: where it refuses one, the other requests go on."""


class KeyAuth:
    """HTTP Basic with the API key as the user; read again when the service refuses it."""

    def __init__(self, settings: FreshdeskSettings) -> None:
        self._path = settings.api_key_file
        self._header = ""

    def headers(self, session: Session) -> Mapping[str, str]:  # noqa: ARG002 - the key is all there is
        """See `Auth.headers`."""
        self._header = self._header or self._read()
        return {"Authorization": self._header}

    def renew(self, session: Session) -> bool:  # noqa: ARG002
        """A key that was replaced in the file is taken up without a restart."""
        before, self._header = self._header, self._read()
        return self._header != before

    def _read(self) -> str:
        key = read_secret(self._path, "api_key_file")
        return "Basic " + base64.b64encode(f"{key}:X".encode()).decode()


class Api:
    """The requests. Answers are as the service gives them; `fields` makes sense of them."""

    def __init__(self, settings: FreshdeskSettings) -> None:
        self.session = Session(settings, KeyAuth(settings))
        self._url = settings.url

    def room(self, cost: int) -> None:
        """Raises NoRoom unless `cost` requests, an update among them, are allowed now."""
        self.session.room(cost, _UPDATE)

    def pace(self, cost: int) -> float | None:
        """How often in a minute the budget allows that, as far as Freshdesk told its limits."""
        return self.session.pace(cost, _UPDATE)

    def me(self) -> Answer:
        """The agent whose key we have."""
        return self._there(f"{_ROOT}/agents/me")

    def agents(self) -> Iterator[Any]:
        """All agents."""
        return self._all(f"{_ROOT}/agents")

    def groups(self) -> Iterator[Any]:
        """All groups."""
        return self._all(f"{_ROOT}/groups")

    def ticket_fields(self) -> list[Any]:
        """The fields that a ticket of this account has."""
        return self.session.get(f"{_ROOT}/ticket_fields").items()

    def tickets(
        self, since: datetime, page: int, size: int, include: Sequence[str] = (), *, newest: bool = False
    ) -> list[Any]:
        """One page of tickets changed since a moment, by last change; `newest`: by creation, backwards."""
        params: dict[str, Any] = {
            "updated_since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "order_by": "created_at" if newest else "updated_at",
            "order_type": "desc" if newest else "asc",
            "per_page": size,
            "page": page,
        }
        if include:
            params["include"] = ",".join(include)
        cost = 1 + 2 * len(include)
        return self._there(f"{_ROOT}/tickets", params, endpoint=_LIST, cost=cost).items()

    def found_since(self, day: date) -> int | None:
        """About how many tickets were created since that day, as the search index has it."""
        query = f"\"created_at:>'{day - timedelta(days=1)}'\""
        found = self._there(f"{_ROOT}/search/tickets", {"query": query}).json().get("total")
        return found if isinstance(found, int) and found >= 0 else None

    def ticket(self, number: int, include: Sequence[str] = ()) -> dict[str, Any]:
        """One ticket. Raises NotFound, and Unreachable when the answer is not this ticket."""
        params = {"include": ",".join(include)} if include else None
        answer = self.session.get(f"{_ROOT}/tickets/{number:d}", params, cost=1 + len(include))
        ticket = answer.json()
        if ticket.get("id") != number or not isinstance(ticket.get("tags"), list):
            # What is missing here would be taken for empty, and written back so.
            raise Unreachable(f"{answer.where}: the answer is not what the service sends; look at url")
        return ticket

    def conversations(self, number: int) -> Iterator[Any]:
        """All notes and replies of a ticket, oldest first."""
        return self._all(f"{_ROOT}/tickets/{number:d}/conversations")

    def update(self, number: int, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change `tags` (all of them), `group_id` or `custom_fields`; returns the ticket as it is then."""
        try:
            return self.session.write(
                "PUT", f"{_ROOT}/tickets/{number:d}", dict(change), endpoint=_UPDATE
            ).json()
        except Refused as error:
            raise RejectedError(f"{error}{_complaints(error.answer)}") from None

    def note(self, number: int, html: str) -> dict[str, Any]:
        """Write a note that only agents see; returns it."""
        body = {"body": html, "private": True}
        return self.session.write("POST", f"{_ROOT}/tickets/{number:d}/notes", body).json()

    def delete_note(self, note: int) -> None:
        """Take a note away. Raises NotFound."""
        self.session.write("DELETE", f"{_ROOT}/conversations/{note:d}")

    def _there(self, path: str, params: dict[str, Any] | None = None, **more: Any) -> Answer:
        """What every Freshdesk has; raises ConfigurationError where the url is none."""
        try:
            return self.session.get(path, params, **more)
        except NotFound:
            raise ConfigurationError(f"there is no Freshdesk at {self._url}") from None

    def _all(self, path: str) -> Iterator[Any]:
        for page in range(1, LAST_PAGE + 1):
            items = self.session.get(path, {"per_page": PAGE, "page": page}).items()
            yield from items
            if len(items) < PAGE:
                return


def _complaints(answer: Answer) -> str:
    """Which fields the service complains of, and its codes: names of the account's own set-up, no values."""
    errors = answer.details().get("errors")
    words = [
        f"{_word(error.get('field'))}: {_word(error.get('code'))}"
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    ]
    return f"; {', '.join(words[:5])}" if words else ""


def _word(value: Any) -> str:
    return "".join(c for c in str(value)[:60] if c.isascii() and (c.isalnum() or c in "_-"))
