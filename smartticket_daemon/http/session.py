"""The one way by which helpdesk connectors speak HTTP."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from typing import Any, NoReturn, Protocol
from urllib.parse import urlencode

import requests

from smartticket_daemon import __version__
from smartticket_daemon.errors import ConfigurationError, Unreachable
from smartticket_daemon.http.answer import Answer
from smartticket_daemon.http.base import Base
from smartticket_daemon.http.border import FOREIGN, Lasting, Throttled, judge, translate
from smartticket_daemon.http.budget import PAUSE, Budget, budget_of
from smartticket_daemon.http.clock import Clock
from smartticket_daemon.http.deadline import Adapter, within
from smartticket_daemon.http.limits import ACCOUNT, Announced, announced
from smartticket_daemon.http.settings import HelpdeskSettings

AGENT = f"SmartTicket/{__version__}"
"""The User-Agent of every request."""

LARGEST = 32 * 1024 * 1024
"""Bytes of an answer, unpacked, that are read at most."""

ATTEMPTS = 3
"""How often one read is tried before the poll gives up; a write is tried once."""

_FIRST_PAUSE = 0.5
_HOPS = 3
_CHUNK = 64 * 1024
_MOVED = frozenset((301, 302, 303, 307, 308))


class Auth(Protocol):
    """Credentials of one source. Files are read when they are needed, never at construction."""

    def headers(self, session: Session) -> Mapping[str, str]:
        """What to add to a request. May fetch a token, by `session.write(..., signed=False)`."""
        ...

    def renew(self, session: Session) -> bool:
        """After a 401: get other credentials. False where those refused are the only ones there are."""
        ...


@dataclass(frozen=True, slots=True)
class _Call:
    """One request as it is meant; `where` names host and step for the operator."""

    method: str
    address: str
    where: str
    endpoint: str = ACCOUNT
    cost: int = 1
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True


class Session:
    """Requests of one source to one helpdesk. Construction does no I/O; used by one thread at a time.

    Every call may raise AccessDenied, ConfigurationError, NotFound, Conflict, Refused, RateLimited or
    Unreachable; none leaves the configured place, and none waits for a rate limit. `account` names whom
    the service counts: sources with the same one share a budget.
    """

    def __init__(
        self, settings: HelpdeskSettings, auth: Auth, account: str = "", clock: Clock | None = None
    ) -> None:
        self.base: Base = settings.base
        self.clock = clock or Clock()
        self._settings = settings
        self._auth = auth
        self._budget: Budget = budget_of(str(self.base), account)
        self._open: requests.Session | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, endpoint: str = ACCOUNT, cost: int = 1
    ) -> Answer:
        """Read `path`. Trouble of the service is tried again, a few times and within the time-out.

        `endpoint` is the name under which the service announces a limit of its own for this call, `cost`
        how many requests it counts for.
        """
        query = f"?{urlencode(params)}" if params else ""
        return self._read(
            _Call("GET", self.base.join(path + query), self._where("GET", path), endpoint, cost)
        )

    def follow(self, link: str, at: Answer, *, endpoint: str = ACCOUNT, cost: int = 1) -> Answer:
        """Read the page that a link in the answer `at` names; ConfigurationError when it is not here."""
        return self._read(_Call("GET", self.base.resolve(link, at.address), at.where, endpoint, cost))

    def write(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        endpoint: str = ACCOUNT,
        cost: int = 1,
        signed: bool = True,
    ) -> Answer:
        """Send `body` as JSON, once: whether to send it again is for the journal to decide.

        `signed=False` leaves our credentials out.
        """
        content = None if body is None else json.dumps(body).encode()
        extra = {"Content-Type": "application/json", **(headers or {})}
        where = self._where(method, path)
        call = _Call(method, self.base.join(path), where, endpoint, cost, content, extra, signed)
        answer = self._exchange(call, self._settings.timeout.total_seconds())
        self._refuse(answer, endpoint)
        return answer

    def renew(self) -> bool:
        """Get other credentials, for services that answer nobody without a 401. False: there are none."""
        return self._auth.renew(self)

    def room(self, cost: int, endpoint: str = ACCOUNT) -> None:
        """Raise NoRoom unless `cost` requests, one of them to `endpoint`, are allowed now.

        Asked first, so that no work is begun in vain.
        """
        self._budget.room(self.clock.monotonic(), self._settings.budget, cost, endpoint)

    def pace(self, cost: int, endpoint: str = ACCOUNT) -> float | None:
        """How often in a minute the budget allows that, as far as limits were announced; None: none was."""
        return self._budget.pace(self._settings.budget, cost, endpoint)

    def close(self) -> None:
        """Let go of the connections; the session may be used again."""
        if self._open:
            self._open.close()
        self._open = None

    def _where(self, method: str, path: str) -> str:
        return f"{self.base.host}, {method} {path[:100]}"

    def _read(self, call: _Call) -> Answer:
        # A retry library would bring its own clock; simulations need this one.
        until = self.clock.monotonic() + self._settings.timeout.total_seconds()
        for attempt in count(1):
            try:
                return self._read_once(call, until)
            except Lasting:
                raise
            except Unreachable as error:
                pause = _FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + random.random() / 2)  # noqa: S311
                late = self.clock.monotonic() + pause >= until
                if late or attempt == ATTEMPTS or error.retry_after is not None:
                    raise
                self.clock.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _read_once(self, call: _Call, until: float) -> Answer:
        for _ in range(_HOPS):
            answer = self._exchange(call, max(until - self.clock.monotonic(), 0.1))
            if answer.status not in _MOVED or "Location" not in answer.headers:
                self._refuse(answer, call.endpoint)
                return answer
            call = replace(call, address=self.base.resolve(answer.headers["Location"], call.address))
        raise ConfigurationError(f"{call.where}: the service sends us round in circles; correct url")

    def _exchange(self, call: _Call, seconds: float) -> Answer:
        answer = self._signed(call, seconds)
        if answer.status == 401 and call.signed and self._auth.renew(self):
            return self._signed(call, seconds)
        return answer

    def _signed(self, call: _Call, seconds: float) -> Answer:
        credentials = self._auth.headers(self) if call.signed else {}
        headers = {"Accept": "application/json", "User-Agent": AGENT, **call.headers, **credentials}
        self._budget.take(self.clock.monotonic(), self._settings.budget, call.endpoint, call.cost)
        said = Announced({})
        try:
            answer = self._send(replace(call, headers=headers), seconds)
            said = announced(answer.headers)
        finally:
            self._budget.learn(self.clock.monotonic(), said, call.endpoint, call.cost)
        return answer

    def _send(self, call: _Call, seconds: float) -> Answer:
        try:
            request = requests.Request(
                call.method, call.address, headers=dict(call.headers), data=call.content
            )
            prepared = self._connections().prepare_request(request)
            if not self.base.holds(prepared.url or ""):
                raise ConfigurationError(f"{call.where}: the request would leave the configured url")
            response = self._connections().send(
                prepared,
                timeout=within(seconds),
                stream=True,
                allow_redirects=False,
                verify=self._verify(),
            )
            with response:
                body = _body(response, call.where)
        except FOREIGN as error:
            raise translate(error, call.where) from None
        return Answer(response.status_code, response.headers, body, call.where, call.address)

    def _verify(self) -> bool | str:
        path = self._settings.ca_file
        if path is not None and not path.is_file():
            raise ConfigurationError(f"ca_file: no file {path}; correct the setting")
        return True if path is None else str(path)

    def _connections(self) -> requests.Session:
        if self._open is None:
            self._open = requests.Session()
            # Neither ~/.netrc nor proxies from the environment: credentials go where the settings say.
            self._open.trust_env = False
            self._open.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self._open.mount("https://", Adapter())
            self._open.mount("http://", Adapter())
        return self._open

    def _refuse(self, answer: Answer, endpoint: str) -> None:
        """Raise what the status means; what we are told to wait holds for all who share the limit."""
        try:
            judge(answer, self.clock.now())
        except Throttled as error:
            self._throttled(error, endpoint)
        except Unreachable as error:
            if error.retry_after is not None:
                self._budget.block(self.clock.monotonic(), error.retry_after, [ACCOUNT])
            raise

    def _throttled(self, error: Throttled, endpoint: str) -> NoReturn:
        wait = PAUSE if error.retry_after is None else error.retry_after
        names = error.limits & {ACCOUNT, endpoint}
        if not names and not error.narrow:
            names = frozenset((endpoint,))
        self._budget.block(self.clock.monotonic(), wait, names)
        raise Throttled(str(error), wait, error.limits) from None


def _body(response: requests.Response, where: str) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > LARGEST:
            raise Lasting(f"{where}: the answer is larger than {LARGEST >> 20} MiB; lower batch")
        chunks.append(chunk)
    return b"".join(chunks)
