"""Every foreign error of the mail library has a name of ours, and none brings the server's words along."""

from __future__ import annotations

import imaplib
import inspect
import socket
import ssl

import imapclient.exceptions
import pytest

from smartticket_connectors.imap import border
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)

SECRET = "hunter2 ann@customer.example"


def foreign() -> list[type[BaseException]]:
    """All exception classes that imapclient, imaplib, ssl and socket define or use."""
    modules = (imapclient.exceptions, imaplib.IMAP4, ssl, socket)
    found = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    errors = {value for value in found if issubclass(value, Exception) and not issubclass(value, Warning)}
    errors = {error for error in errors if not error.__name__.startswith("_")}
    return sorted(errors | {TimeoutError, ConnectionResetError, UnicodeDecodeError}, key=lambda e: e.__name__)


def example(kind: type[BaseException]) -> BaseException:
    if kind is UnicodeDecodeError:
        return UnicodeDecodeError("ascii", SECRET.encode(), 0, 1, SECRET)
    return kind(1, SECRET) if issubclass(kind, OSError) else kind(SECRET)


@pytest.mark.parametrize("kind", foreign(), ids=lambda kind: kind.__name__)
def test_every_foreign_class_is_caught_and_named(kind: type[BaseException]) -> None:
    error = example(kind)
    assert isinstance(error, border.FOREIGN)
    ours = border.translate(error, "mail.example.org:993, fetch")
    assert isinstance(ours, SmartTicketError)
    assert "mail.example.org" in str(ours)
    assert not set(SECRET.split()) & set(str(ours).split())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select failed: [NONEXISTENT] Mailbox doesn't exist", border.NoFolderError),
        ("fetch failed: [THROTTLED] slow down", RateLimited),
        ("fetch failed: [LIMIT] enough", RateLimited),
        ("fetch failed: Request is throttled. Suggested Backoff Time: 9 ms", RateLimited),
        ("append failed: [OVERQUOTA] full", TransientError),
        ("add_flags failed: [CANNOT] bad keyword", RejectedError),
        ("append failed: [NOPERM] no", AccessDenied),
        ("SEARCH command error: BAD [b'Command Argument Error. 11']", TransientError),
        ("got more than 1000000 bytes", Unreachable),
    ],
)
def test_a_refusal_is_judged_by_its_code(text: str, kind: type[SmartTicketError]) -> None:
    error = imaplib.IMAP4.error(text)
    assert isinstance(border.translate(error, "x"), kind)
    assert border.usable(error) is ("failed: " in text or "BAD" in text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("b'[AUTHENTICATIONFAILED] Invalid credentials (Failure)'", AccessDenied),
        ("b'LOGIN failed.'", AccessDenied),
        ("b'[UNAVAILABLE] Temporary authentication failure.'", TransientError),
        ("b'[ALERT] Too many simultaneous connections. (Failure)'", RateLimited),
        ("b'[PRIVACYREQUIRED] Plaintext authentication disallowed'", ConfigurationError),
    ],
)
def test_a_refused_sign_in(text: str, kind: type[SmartTicketError]) -> None:
    ours = border.translate(imapclient.exceptions.LoginError(text), "x")
    assert isinstance(ours, kind)
    assert (kind is AccessDenied) == isinstance(ours, AccessDenied)


def test_a_connection_that_breaks_during_sign_in_is_no_refusal() -> None:
    error = imapclient.exceptions.LoginError("socket error: EOF")
    error.__context__ = imaplib.IMAP4.abort("socket error: EOF")  # the library raises it in an except block
    assert isinstance(border.translate(error, "x"), Unreachable)


def test_an_untrusted_certificate_is_unreachable_with_its_reason() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    ours = border.translate(error, "mail.example.org:993, connecting")
    assert isinstance(ours, Unreachable)
    assert "self-signed certificate" in str(ours)
