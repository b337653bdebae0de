"""A small HTTP server on the loopback for the doubles of helpdesks, with troubles to order by request."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from smartticket_daemon.http import budget

HTML = b"<!DOCTYPE html><html><body><h1>We'll be back soon</h1></body></html>"


@dataclass(frozen=True)
class Request:
    """What came in; `number` counts from 1, header names are in lower case."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What goes out: bytes as they are, None as no body, anything else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> tuple[bytes, str]:
        if self.body is None:
            return b"", "application/json"
        if isinstance(self.body, bytes):
            return self.body, "text/html"
        return json.dumps(self.body).encode(), "application/json; charset=utf-8"


@dataclass(frozen=True)
class Fault:
    """Trouble with one request.

    `reply` is sent instead of an answer, without applying the request. `lost` applies it and closes the
    connection without a word, `cut` applies it and breaks off in the middle of the answer, `refused`
    closes without applying. `delay` (s) comes before anything else.
    """

    reply: Reply | None = None
    lost: bool = False
    cut: bool = False
    refused: bool = False
    delay: float = 0.0


def too_many(seconds: float | None = 30, *, as_date: bool = False, body: Any = None) -> Fault:
    """429 with `Retry-After` in seconds, as a date, or (None) without it."""
    now = datetime.now(UTC)
    headers = {"Date": format_datetime(now, usegmt=True)}
    if seconds is not None:
        until = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
        headers["Retry-After"] = until if as_date else str(int(seconds))
    return Fault(Reply(429, body, headers))


def broken(status: int = 500) -> Fault:
    """The service is in trouble and says so in HTML."""
    return Fault(Reply(status, HTML))


class Server:
    """Answers on a port of its own in threads; subclasses say what in `handle`, which may raise anything.

    `faults` orders trouble by request number, `trouble` by looking at the request; the former goes first.
    `handle` runs under `lock`, so a double needs none of its own; people at the service take it too.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.faults: dict[int, Fault] = {}
        self.trouble: Callable[[Request], Fault | None] = lambda request: None
        self.errors: list[BaseException] = []
        self._stopped = threading.Event()
        self._http = _Threads(self)
        # An earlier server on this port may have told another limit, by another clock.
        budget._budgets.pop((self.url, ""), None)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def handle(self, request: Request) -> Reply:
        """The answer to one request, and what it changes."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def fail_next(self, fault: Fault, count: int = 1) -> None:
        """Trouble for the next requests."""
        first = len(self.requests) + 1
        self.faults |= dict.fromkeys(range(first, first + count), fault)

    def wait(self, seconds: float) -> None:
        """Let a request wait; ends at once when the server stops."""
        self._stopped.wait(seconds)

    def take(self, request: Request) -> Fault:
        """Note the request, and the trouble that is ordered for it."""
        self.requests.append(request)
        return self.faults.pop(request.number, None) or self.trouble(request) or Fault()

    def close(self) -> None:
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Server) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that a client drops are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Threads

    def do_GET(self) -> None:
        owner = self.server.owner
        with owner.lock:
            request = self._request(len(owner.requests) + 1)
            if request is None:
                return
            fault = owner.take(request)
        if fault.delay:
            owner.wait(fault.delay)
        if fault.refused:
            self._drop()
            return
        with owner.lock:
            reply = fault.reply or self._handled(request)
        if fault.lost:
            self._drop()
        else:
            self._send(reply, cut=fault.cut)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - names of the standard library

    def _request(self, number: int) -> Request | None:
        """What is asked; None where the asker is gone before having said it all."""
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return Request(number, self.command, parts.path, query, headers, body)

    def _handled(self, request: Request) -> Reply:
        try:
            return self.server.owner.handle(request)
        except Exception as error:  # noqa: BLE001 - kept for the test to see
            self.server.owner.errors.append(error)
            return Reply(500, HTML)

    def _send(self, reply: Reply, *, cut: bool) -> None:
        content, kind = reply.content()
        headers = {"Date": self.date_time_string(), "Content-Type": kind} | dict(reply.headers)
        if reply.status != 204:
            headers["Content-Length"] = str(len(content))
        lines = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('Odd',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        data = "\r\n".join([*lines, "", ""]).encode("latin-1") + content
        self.wfile.write(data[: len(data) - len(content) // 2 - 1] if cut else data)
        if cut:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at `requests` instead."""
