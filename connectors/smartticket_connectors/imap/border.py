"""The one place where errors of imapclient, imaplib, ssl and sockets become ours.

No text of the server gets into a message, since a server may echo what it was sent; only its response code
(RFC 5530, such as `[AUTHENTICATIONFAILED]`) does.
"""

from __future__ import annotations

import os
import re
import socket
import ssl

from imapclient.exceptions import (
    CapabilityError,
    IMAPClientAbortError,
    IMAPClientError,
    IMAPClientReadOnlyError,
    LoginError,
    ProtocolError,
)

from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)

FOREIGN = (
    IMAPClientError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
    MemoryError,
    EOFError,
)
"""Everything the library was seen to raise; odd answers of a server make it stumble in its own code."""

PAUSE = 60.0
"""Seconds to stay away when a server says that we are too many or too fast."""

_CODE = re.compile(r"\[([A-Z][A-Z-]{2,30})[\] ]")
_CROWDED = re.compile(
    r"too many|throttl|maximum number of connections|rate limit|bandwidth limit", re.IGNORECASE
)
_TAGGED = re.compile(r"^[\w ]+ (failed: |command error: BAD )")


class NoFolderError(ConfigurationError):
    """There is no such folder, or it cannot be opened."""


class RefusedError(TransientError):
    """The server said no, without a code that says why."""


class UnparsableError(TransientError):
    """The server's answer was complete, and the library could make nothing of it."""


_BY_CODE: dict[str, type[SmartTicketError]] = {
    "THROTTLED": RateLimited,
    "LIMIT": RateLimited,
    "AUTHENTICATIONFAILED": AccessDenied,
    "AUTHORIZATIONFAILED": AccessDenied,
    "EXPIRED": AccessDenied,
    "NOPERM": AccessDenied,
    "PRIVACYREQUIRED": ConfigurationError,
    "NONEXISTENT": NoFolderError,
    "TRYCREATE": NoFolderError,
    "CANNOT": RejectedError,
    "TOOBIG": RejectedError,
    "UNAVAILABLE": TransientError,
    "INUSE": TransientError,
    "OVERQUOTA": TransientError,
    "SERVERBUG": TransientError,
}


def code(error: BaseException) -> str:
    """The response code in a server's refusal; empty where it gave none."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def unparsable(error: BaseException) -> bool:
    """True when the server's answer was complete, and the library could not make sense of it."""
    return isinstance(error, ProtocolError | RecursionError | TypeError | LookupError | AttributeError)


def usable(error: BaseException) -> bool:
    """True when the connection is still in step after `error`: the server completed the command."""
    if isinstance(error, IMAPClientAbortError | LoginError):
        return False
    return unparsable(error) or (isinstance(error, IMAPClientError) and bool(_TAGGED.match(str(error))))


def translate(error: BaseException, where: str) -> SmartTicketError:
    """Our error for a foreign one; `where` names server and step for the operator."""
    if isinstance(error, LoginError):
        return _refused_sign_in(error, where)
    if isinstance(error, IMAPClientError) and not isinstance(error, ProtocolError):
        return _refused(error, where)
    if isinstance(error, OSError | EOFError):
        return Unreachable(f"{where}: {_network(error)}")
    kind = UnparsableError if unparsable(error) else TransientError
    return kind(f"{where}: the server's answer was not understood ({type(error).__name__})")


def _network(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "")
        return f"the server's certificate is not trusted: {why}; set ca_file or mend the server"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection ({getattr(error, 'reason', '') or type(error).__name__})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the host name has no address"
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) else "the connection broke"


def _refused(error: BaseException, where: str) -> SmartTicketError:
    name = code(error)
    if name in ("THROTTLED", "LIMIT") or _CROWDED.search(str(error)):
        return RateLimited(f"{where}: the server asks for a pause", retry_after=PAUSE)
    if isinstance(error, CapabilityError):
        return ConfigurationError(f"{where}: the server cannot do this")
    if isinstance(error, IMAPClientReadOnlyError):
        return AccessDenied(f"{where}: the folder may only be read by this user")
    if isinstance(error, IMAPClientAbortError) or not usable(error):
        return Unreachable(f"{where}: the server ended the connection")
    shown = f" [{name}]" if name else ""
    return _BY_CODE.get(name, RefusedError)(f"{where}: the server refused{shown}")


def _refused_sign_in(error: LoginError, where: str) -> SmartTicketError:
    # imapclient wraps a broken connection during sign-in in a LoginError as well
    if isinstance(error.__context__, IMAPClientAbortError) or _CROWDED.search(str(error)):
        return _refused(error.__context__ or error, where)
    name = code(error)
    kind = _BY_CODE.get(name, AccessDenied)
    if kind is RateLimited:
        return RateLimited(f"{where}: the server asks for a pause", retry_after=PAUSE)
    shown = f" [{name}]" if name else ""
    return kind(
        f"{where}: the server refused to sign us in{shown}; look at username, auth and the secret's file"
    )
