"""Every foreign error and every status has a name of ours, and none brings the server's words along."""

from __future__ import annotations

import http.client
import inspect
import socket
import ssl
from datetime import UTC, datetime

import pytest
import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RateLimited,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.http import Answer, Conflict, NotFound, Refused, Throttled
from smartticket_daemon.http.border import FOREIGN, judge, translate

SECRET = "hunter2 ann@customer.example"
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def foreign() -> list[type[BaseException]]:
    modules = (requests.exceptions, urllib3.exceptions, http.client, ssl, socket)
    found = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    errors = {e for e in found if issubclass(e, Exception) and not issubclass(e, Warning)}
    errors = {e for e in errors if not e.__name__.startswith("_")}
    extra = {TimeoutError, ConnectionResetError, UnicodeEncodeError, BrokenPipeError, OSError, ValueError}
    return sorted(errors | extra, key=lambda e: f"{e.__module__}.{e.__name__}")


def example(kind: type[BaseException]) -> BaseException:
    error = kind.__new__(kind)
    BaseException.__init__(error, SECRET)
    return error


@pytest.mark.parametrize("kind", foreign(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_foreign_class_is_caught_and_named(kind: type[BaseException]) -> None:
    error = example(kind)
    assert isinstance(error, FOREIGN)
    ours = translate(error, "acme.example.com, GET /x")
    assert isinstance(ours, Unreachable | ConfigurationError)
    assert "acme.example.com" in str(ours)
    assert not set(SECRET.split()) & set(str(ours).split())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ReadTimeout(), "no answer in time"),
        (requests.ConnectTimeout(), "no answer in time"),
        (requests.ConnectionError(TimeoutError()), "no answer in time"),
        (requests.ConnectionError(socket.gaierror(-2, SECRET)), "no address"),
        (requests.ConnectionError(OSError(111, SECRET)), "refused"),
        (requests.exceptions.SSLError(ssl.SSLError(1, SECRET)), "no TLS connection"),
        (requests.exceptions.ChunkedEncodingError(SECRET), "connection broke"),
        (http.client.IncompleteRead(b"x"), "connection broke"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_network_trouble_says_what_it_was(error: BaseException, words: str) -> None:
    assert words in str(translate(error, "x"))


def test_an_untrusted_certificate_gives_its_reason() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    ours = translate(requests.exceptions.SSLError(urllib3.exceptions.SSLError(cause)), "x")
    assert isinstance(ours, Unreachable)
    assert "self-signed certificate" in str(ours)
    assert "ca_file" in str(ours)


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, CaseInsensitiveDict(named), body, "acme.example.com, GET /x", "https://acme.example.com/x"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied), (402, AccessDenied), (403, AccessDenied), (404, NotFound), (410, NotFound),
        (409, Conflict), (412, Conflict), (400, Refused), (422, Refused), (405, Refused), (413, Refused),
        (429, Throttled), (408, Unreachable), (423, Unreachable), (425, Unreachable), (500, Unreachable),
        (502, Unreachable), (503, Unreachable), (504, Unreachable), (520, Unreachable), (524, Unreachable),
        (301, ConfigurationError), (302, ConfigurationError), (304, ConfigurationError),
    ],
)  # fmt: skip
def test_every_status_has_a_name(status: int, kind: type[SmartTicketError]) -> None:
    with pytest.raises(SmartTicketError) as caught:
        judge(answer(status, SECRET.encode()), NOW)
    assert type(caught.value) is kind
    assert str(status) in str(caught.value)
    assert not set(SECRET.split()) & set(str(caught.value).split())


@pytest.mark.parametrize("status", range(100, 600))
def test_only_success_passes(status: int) -> None:
    if 200 <= status < 300:
        judge(answer(status), NOW)
        return
    with pytest.raises(SmartTicketError):
        judge(answer(status), NOW)


def test_what_is_done_next_follows_from_the_class() -> None:
    assert issubclass(NotFound, RejectedError)
    assert issubclass(Refused, RejectedError)
    assert issubclass(Conflict, TransientError)
    assert issubclass(Throttled, RateLimited)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("Mon, 02 Nov 2026 00:00:09 GMT", 9.0), ("x", None)]
)
def test_the_wait_comes_along(status: int, value: str, seconds: float | None) -> None:
    with pytest.raises(TransientError) as caught:
        judge(answer(status, Retry_After=value), NOW)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "limits", "narrow"),
    [
        ({}, {""}, False),
        ({"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "0"}, {""}, False),
        ({"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "5"}, set(), False),
        ({"zendesk-ratelimit-tickets-update": "total=20; remaining=0; resets=3"}, {"tickets-update"}, False),
        (
            {"zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=468"},
            {"per-ticket-updates"},
            True,
        ),
    ],
)
def test_429_tells_which_limit_is_spent(headers: dict[str, str], limits: set[str], narrow: bool) -> None:
    with pytest.raises(Throttled) as caught:
        judge(Answer(429, CaseInsensitiveDict(headers), b"", "x", "x"), NOW)
    assert caught.value.limits == limits
    assert caught.value.narrow is narrow


BODIES = [
    b"",
    b"<html>",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b"1" * 5000,
    b'"\\ud800"',
    b"null",
    b"NaN",
    b"{",
    b"\x1f\x8b",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_odd_bodies_are_tolerated_and_not_quoted(body: bytes) -> None:
    odd = answer(200, body)
    assert odd.details() == {}
    for read in (odd.json, odd.items):
        with pytest.raises(Unreachable, match="look at url"):
            read()


def test_good_bodies_are_read() -> None:
    assert answer(200, b'{"a": 1}').json() == {"a": 1}
    assert answer(200, b"[1]").items() == [1]
    assert answer(422, b'{"error": "x"}').details() == {"error": "x"}
