"""The HTTP session against servers that trickle, hang, lie about lengths or have no good certificate."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.errors import Unreachable
from smartticket_daemon.http import HelpdeskSettings, Session
from smartticket_daemon.http import session as module

Speech = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_accounts = itertools.count()


class NoKeys:
    def headers(self, session: Session) -> Mapping[str, str]:
        return {}

    def renew(self, session: Session) -> bool:
        return False


@contextmanager
def speaking(speech: Speech, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that answers each request as `speech` says."""
    over = threading.Event()

    def serve(peer: socket.socket) -> None:
        with suppress(OSError):
            if context:
                peer = context.wrap_socket(peer, server_side=True)
            with peer:
                peer.recv(65536)
                speech(peer, over)

    def listen() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                peer, _ = listener.accept()
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def session(port: int, scheme: str = "http", **more: Any) -> Session:
    plain = {"kind": "x", "url": f"{scheme}://localhost:{port}", "timeout": "0.6s", **more}
    return Session(HelpdeskSettings.model_validate(plain), NoKeys(), account=str(next(_accounts)))


def trickles_headers(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.05):
        peer.sendall(b"X")


def trickles_a_body(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    while not over.wait(0.05):
        peer.sendall(b" ")


def trickles_chunks(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while not over.wait(0.05):
        peer.sendall(b"1\r\n \r\n")


def says_nothing(peer: socket.socket, over: threading.Event) -> None:
    over.wait(30)


@pytest.mark.parametrize("speech", [trickles_headers, trickles_a_body, trickles_chunks, says_nothing])
def test_a_request_has_one_deadline(speech: Speech) -> None:
    with speaking(speech) as port:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            session(port).get("/x")
        assert time.monotonic() - begun < 3


def hangs_up(peer: socket.socket, over: threading.Event) -> None:
    peer.shutdown(socket.SHUT_RDWR)


def promises_more(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Content-Length: 100\r\n\r\n{}")


def breaks_a_chunk(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")


def packs_badly(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")


def speaks_mail(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(b"* OK IMAP4rev1 ready\r\n")


def has_endless_headers(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"".join(b"X-%d: y\r\n" % n for n in range(1000)) + b"\r\n")


def has_a_long_header(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n")


BROKEN = [
    hangs_up,
    promises_more,
    breaks_a_chunk,
    packs_badly,
    speaks_mail,
    has_endless_headers,
    has_a_long_header,
]


@pytest.mark.parametrize("speech", BROKEN)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_broken_answer_is_no_answer(speech: Speech, method: str) -> None:
    with speaking(speech) as port:
        asked = session(port)
        ask = asked.get if method == "GET" else partial(asked.write, method)
        with pytest.raises(Unreachable):
            ask("/x")


def test_a_bomb_is_cut_off_while_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    bomb = gzip.compress(b" " * (64 << 20))

    def packs(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)

    with speaking(packs) as port, pytest.raises(Unreachable, match="lower batch"):
        session(port, timeout="10s").get("/x")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        session(port).write("PUT", "/x", {})


def answers(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(OK + b"Content-Length: 8\r\n\r\n" + b'{"a": 1}')


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    more = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    return key, cert


def test_a_certificate_must_be_trusted(certificate: tuple[Path, Path]) -> None:
    key, cert = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    with speaking(answers, context) as port:
        with pytest.raises(Unreachable, match=r"certificate is not trusted: self.signed certificate"):
            session(port, "https", timeout="5s").get("/x")
        assert session(port, "https", timeout="5s", ca_file=str(cert)).get("/x").json() == {"a": 1}


def test_plain_http_where_tls_is_asked_for() -> None:
    with speaking(answers) as port, pytest.raises(Unreachable, match="no TLS connection"):
        session(port, "https", timeout="5s").write("PUT", "/x", {})
