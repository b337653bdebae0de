"""The one place where foreign exceptions and status codes become errors of ours.

No text of a server gets into a message, since a server may echo what it was sent, nor does an address.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from datetime import datetime

import requests
import urllib3

from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.http.answer import Answer
from smartticket_daemon.http.limits import ACCOUNT, announced, retry_after

FOREIGN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)
"""Everything that requests and what it rests on were seen to raise."""


class Lasting(Unreachable):
    """Trouble that a second try at once cannot mend: a bad certificate, an answer too large."""


class NotFound(RejectedError):
    """404 or 410: there is no such thing, or it is not for us."""


class Conflict(TransientError):
    """409 or 412: what we wrote upon has changed meanwhile. The connector reads again."""


class Refused(RejectedError):
    """The service understood and will never accept it; `answer` tells the connector more."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class Throttled(RateLimited):
    """429; `limits` names what is used up as far as the service says: `tickets-update`, ACCOUNT ..."""

    def __init__(self, message: str, retry_after: float | None, limits: frozenset[str]) -> None:
        super().__init__(message, retry_after)
        self.limits = limits

    @property
    def partial(self) -> bool:
        """True where a limit of the endpoint alone is used up: the session keeps it."""
        return ACCOUNT not in self.limits

    @property
    def narrow(self) -> bool:
        """True for limits called `per-...`: they count for one ticket, the others need not wait."""
        return bool(self.limits) and all(name.startswith("per-") for name in self.limits)


def translate(error: BaseException, where: str) -> SmartTicketError:
    """Our error for a foreign one; `where` names host and step for the operator."""
    if isinstance(error, _OURS_TO_MEND):
        return ConfigurationError(f"{where}: the request cannot be made; look at url and the secret's file")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = getattr(cause, "verify_message", "") or "it does not verify"
            return Lasting(
                f"{where}: the server's certificate is not trusted: {why}; set ca_file or mend the server"
            )
    return Unreachable(f"{where}: {_network(error)}")


_OURS_TO_MEND = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
    UnicodeEncodeError,
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything it was made of; requests keeps urllib3's error in its arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return found


def _network(error: BaseException) -> str:
    causes = _causes(error)
    if any(isinstance(c, ssl.SSLError | requests.exceptions.SSLError) for c in causes):
        return "no TLS connection"
    if any(isinstance(c, socket.gaierror | urllib3.exceptions.NameResolutionError) for c in causes):
        return "the host name has no address"
    numbers = (c.errno for c in causes if isinstance(c, OSError) and isinstance(c.errno, int))
    if number := next(numbers, None):
        return os.strerror(number).lower()
    timeouts = TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError
    return "no answer in time" if any(isinstance(c, timeouts) for c in causes) else "the connection broke"


def judge(answer: Answer, now: datetime) -> None:
    """Raises what a status code means; returns on success (2xx)."""
    status, where = answer.status, answer.where
    if 200 <= status < 300:
        return
    if status in (401, 402, 403):
        raise AccessDenied(f"{where}: the service refused our credentials or rights ({status})")
    if status in (404, 410):
        raise NotFound(f"{where}: there is no such thing ({status})")
    if status in (409, 412):
        raise Conflict(f"{where}: it changed meanwhile ({status})")
    wait = retry_after(answer.headers, now)
    if status == 429:
        raise Throttled(f"{where}: the service asks us to slow down (429)", wait, _exhausted(answer))
    if status >= 500 or status in (408, 423, 425):
        raise Unreachable(f"{where}: the service is in trouble ({status})", wait)
    if 300 <= status < 400:
        raise ConfigurationError(f"{where}: the service answers from another place ({status}); correct url")
    raise Refused(f"{where}: the service will not accept this ({status})", answer)


def _exhausted(answer: Answer) -> frozenset[str]:
    """What the headers say is used up. Nothing, where the account has room: it is the endpoint's limit."""
    limits = announced(answer.headers).limits
    spent = frozenset(name for name, limit in limits.items() if limit.left == 0)
    roomy = ACCOUNT in limits and limits[ACCOUNT].left
    return spent or (frozenset() if roomy else frozenset((ACCOUNT,)))
