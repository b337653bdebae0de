"""The operations of Zendesk's Ticketing API that we use, and no others. Every request is made here.

The Conversations API is not among them: what is written there is seen by the customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from smartticket_connectors.zendesk.fields import Json, inner, objects, text, whole
from smartticket_connectors.zendesk.ticket import User, Users, users_of
from smartticket_daemon.errors import AccessDenied, ConfigurationError, Unreachable
from smartticket_daemon.http import Answer, Session

log = structlog.get_logger(__name__)

API = "/api/v2"
NOWHERE = 2**63 - 1
"""The id of a ticket that no account has."""

PAGE = 100
"""The most rows of a page, and tickets of one request."""

WHOLE = 3
"""Requests that a whole triage takes: the ticket, its audits, the update."""
EACH = 1 + WHOLE
"""The same with the look before a first attempt."""

_PAGES = 200
_UPDATE = "tickets-update"
_EXPORT = "incremental"
_LIST = "tickets-index"
_JOBS = "jobs"
_KEY = re.compile(r'"([a-z_.]{1,60})"')


class Desk:
    """One account, by its operations. Raises what `Session` raises."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self.session = session
        self.may_write = False
        self.may_export = False
        """True once Zendesk has let us change a ticket, or use the export: neither is asked for nothing."""
        self._me: User | None = None
        self._groups: dict[int, str] = {}
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of the service, as its last answer gave it."""
        return self._now or self.session.clock.now()

    def forget(self) -> None:
        """Forget who we are and what groups there are; both are read again when needed."""
        self._me = None
        self._groups = {}
        self.session.close()

    def me(self) -> Json:
        """Who we are signed in as. Zendesk answers 200 to nobody, too: AccessDenied."""
        raw = inner(self._get("/users/me").json(), "user")
        if raw.get("id") is None and self.session.renew():
            raw = inner(self._get("/users/me").json(), "user")
        user = User.parse(raw)
        if user is None:
            raise AccessDenied(f"{self.name}: Zendesk signed us in as nobody; look at the credentials")
        if not user.staff or user.suspended:
            raise AccessDenied(f"{self.name}: the user we sign in as is no agent; tie the client to an agent")
        self._me = user
        return raw

    @property
    def user(self) -> User:
        """Ourselves; asked for once."""
        if self._me is None:
            self.me()
        assert self._me  # noqa: S101 - or `me` had raised
        return self._me

    def groups(self, *, fresh: bool = False) -> dict[int, str]:
        """Names of the groups by their ids."""
        if fresh or not self._groups:
            raw = [g for page in self._pages("/groups") for g in objects(page.get("groups"))]
            self._groups = {g["id"]: text(g.get("name")) for g in raw if isinstance(g.get("id"), int)}
        return self._groups

    def group_name(self, number: int | None) -> str | None:
        """A group by its name; by its number where it has none any more."""
        if number is None:
            return None
        known = self.groups()
        if number not in known:
            known = self.groups(fresh=True)
        return known.get(number) or str(number)

    def group_id(self, name: str) -> int:
        """The number of a group; raises ConfigurationError where there is no such group."""
        for fresh in (False, True):
            for number, known in self.groups(fresh=fresh).items():
                if known.casefold() == name.casefold():
                    return number
        raise ConfigurationError(f"{self.name}: there is no group {name!r}; create it or correct the route")

    def export(self, position: Mapping[str, Any], size: int) -> Answer:
        """One page of the cursor export, from a `start_time` or a `cursor`. Administrators only."""
        params = {**position, "per_page": size, "include": "users", "exclude_deleted": "true"}
        answer = self._get("/incremental/tickets/cursor", params, endpoint=_EXPORT)
        self.may_export = True
        return answer

    def listed(self, after: str, size: int) -> Answer:
        """One page of the ticket list, by id."""
        params = {"sort": "id", "page[size]": min(size, PAGE), "include": "users"}
        return self._get("/tickets", {**params, **({"page[after]": after} if after else {})})

    def past(self, after: str, size: int) -> Answer:
        """One page of the ticket list by id, backwards, with what Zendesk counted of each."""
        params = {"sort": "-id", "page[size]": min(size, PAGE), "include": "users,metric_sets"}
        page = {**params, **({"page[after]": after} if after else {})}
        return self._get("/tickets", page, endpoint=_LIST)

    def count(self, since: datetime | None) -> int | None:
        """About how many tickets there are, or were created since; the latter as the search index has it."""
        if since is None:
            return whole(inner(self._get("/tickets/count").json(), "count").get("value"))
        query = f"type:ticket created>={since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return whole(self._get("/search/count", {"query": query}).json().get("count"))

    def ticket_fields(self) -> Iterator[Json]:
        """The fields that tickets of this account have."""
        for page in self._pages("/ticket_fields"):
            yield from objects(page.get("ticket_fields"))

    def ticket(self, number: int) -> Answer:
        """One ticket, with its requester and submitter."""
        return self._get(f"/tickets/{number}", {"include": "users"})

    def tickets(self, numbers: Iterable[int]) -> list[Json]:
        """Up to a hundred tickets; those that are gone are left out."""
        ids = ",".join(map(str, numbers))
        return objects(self._get("/tickets/show_many", {"ids": ids}).json().get("tickets"))

    def looked_at(self, numbers: Iterable[int]) -> Json:
        """The same with their people, and what Zendesk counted of each."""
        params = {"ids": ",".join(map(str, numbers)), "include": "users,metric_sets"}
        return self._get("/tickets/show_many", params).json()

    def audits(self, number: int) -> Iterator[Json]:
        """Everything that was done to a ticket, oldest first."""
        for page in self._pages(f"/tickets/{number}/audits"):
            yield from objects(page.get("audits"))

    def users(self, numbers: Iterable[int]) -> Users:
        """Up to a hundred users."""
        ids = ",".join(map(str, sorted(numbers)))
        return users_of(objects(self._get("/users/show_many", {"ids": ids}).json().get("users")))

    def room(self) -> None:
        """Raises RateLimited unless a ticket can be read, with its audits, and written."""
        self.session.room(WHOLE, _UPDATE)

    def pace(self) -> float | None:
        """How many past tickets the budget lets us triage in a minute, as far as Zendesk told its limits."""
        return self.session.pace(EACH, _UPDATE)

    def update(self, number: int, change: Mapping[str, Any]) -> Json:
        """Write to one ticket, once. `change` comes from `smartticket_connectors.zendesk.change` alone."""
        path = f"{API}/tickets/{number}"
        answer = self.session.write("PUT", path, {"ticket": dict(change)}, endpoint=_UPDATE)
        self.may_write = True
        return {**answer.json(), "ignored": self._ignored(answer)}

    def update_many(self, numbers: Iterable[int], change: Mapping[str, Any]) -> Json:
        """Begin a job that changes up to a hundred tickets alike, and say where it stands."""
        path = f"{API}/tickets/update_many?ids={','.join(map(str, numbers))}"
        answer = self.session.write("PUT", path, {"ticket": dict(change)}, endpoint=_JOBS)
        self.may_write = True
        return {**inner(answer.json(), "job_status"), "ignored": self._ignored(answer)}

    def job(self, name: str) -> Json:
        """Where a job stands. NotFound a day after its end."""
        return inner(self._get(f"/job_statuses/{quote(name, safe='')}").json(), "job_status")

    def make_private(self, ticket: int, comment: int) -> None:
        """Hide a comment from the customer."""
        path = f"{API}/tickets/{ticket}/comments/{comment}/make_private"
        self._ignored(self.session.write("PUT", path, endpoint=_UPDATE))

    def _get(self, path: str, params: Mapping[str, Any] | None = None, *, endpoint: str = "") -> Answer:
        answer = self.session.get(API + path, params, endpoint=endpoint)
        self._ignored(answer)
        self._now = answer.date
        return answer

    def _pages(self, path: str) -> Iterator[Json]:
        """All pages, by the cursors in the answers; the links there may name a host that is not ours."""
        params: dict[str, Any] = {"page[size]": PAGE}
        for _ in range(_PAGES):
            page = self._get(path, params).json()
            yield page
            after = text(inner(page, "meta").get("after_cursor"))
            if inner(page, "meta").get("has_more") is not True:
                return
            if not after or after == params.get("page[after]"):
                break
            params["page[after]"] = after
        raise Unreachable(f"{self.name}: Zendesk's pages do not come to an end")

    def _ignored(self, answer: Answer) -> str:
        """The names of properties that Zendesk says it passed over; this is the only sign it gives."""
        warning = answer.headers.get("X-Zendesk-API-Warn")
        if warning is None:
            return ""
        names = ", ".join(_KEY.findall(warning)[:10]) or "unnamed"
        log.error("zendesk_ignored", source=self.name, properties=names)
        return names
