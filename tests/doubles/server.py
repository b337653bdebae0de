"""What the doubles of helpdesks share: a loopback HTTP server, ordered faults, a clock that is set."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

START = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)
HTML = b"<html><body><h1>\xf0\x9f\x94\xa5 something went wrong</h1><!-- secret sauce --></body></html>"


class Hour:
    """A clock that is moved by hand; also a `Clock` for the connector under test."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        with self._lock:
            self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Fault:
    """`kind`: cut (before it takes effect), lost (after), 500, 503, 520, html, empty, 429, 429-date."""

    kind: str
    seconds: int = 5


class Double:
    """A helpdesk on loopback. Subclasses give `answer(request) -> Reply`."""

    def __init__(self, hour: Hour | None = None) -> None:
        self.hour = hour or Hour()
        self.lock = threading.RLock()
        self.calls: Counter[str] = Counter()
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: deque[tuple[Callable[[Request], bool], Fault]] = deque()
        self.share: tuple[random.Random, float, tuple[str, ...]] | None = None
        self.meddle: Callable[[Request], None] | None = None
        """Called before a request takes effect: what people do in between."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, kind: str, *, method: str = "", path: str = "", times: int = 1, seconds: int = 5) -> None:
        """Order a fault for the next requests of this method whose path holds `path`."""

        def fits(request: Request) -> bool:
            return request.method.startswith(method) and path in request.path

        for _ in range(times):
            self.faults.append((fits, Fault(kind, seconds)))

    def fault_for(self, request: Request) -> Fault | None:
        for ordered in self.faults:
            if ordered[0](request):
                self.faults.remove(ordered)
                return ordered[1]
        if self.share and self.share[0].random() < self.share[1]:
            return Fault(self.share[0].choice(self.share[2]))
        return None

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def stamp(self, reply: Reply) -> None:
        reply.headers.setdefault("Date", format_datetime(self.hour.at, usegmt=True))
        reply.headers.setdefault("Content-Type", "application/json; charset=utf-8")

    def troubled(self, fault: Fault) -> Reply:
        """The forms of trouble that were recorded."""
        if fault.kind == "429":
            return Reply(429, b"", {"Retry-After": str(fault.seconds), "Content-Type": "text/plain"})
        if fault.kind == "429-date":
            until = self.hour.at + timedelta(seconds=fault.seconds)
            return Reply(429, b"Too many requests", {"Retry-After": format_datetime(until, usegmt=True)})
        if fault.kind == "html":
            return Reply(200, HTML, {"Content-Type": "text/html"})
        if fault.kind == "empty":
            return Reply(500, b"")
        return Reply(int(fault.kind), HTML, {"Content-Type": "text/html"})

    @contextmanager
    def running(self) -> Iterator[Any]:
        try:
            yield self
        finally:
            self.stop()


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            with double.lock:
                double.requests.append(request)
                double.calls[f"{request.method} {_shape(parts.path)}"] += 1
                if double.meddle:
                    double.meddle(request)
                fault = double.fault_for(request)
                if fault and fault.kind == "cut":
                    self._hang_up()
                    return
                if fault and fault.kind != "lost":
                    reply = double.troubled(fault)
                else:
                    reply = double.answer(request)
                double.stamp(reply)
            if fault:
                if fault.kind == "lost":
                    self._hang_up()
                    return
            self._send(reply)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def _send(self, reply: Reply) -> None:
            content = reply.raw()
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _shape(path: str) -> str:
    return "/".join("N" if part.isdigit() else part for part in path.split("/"))
