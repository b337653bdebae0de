"""IDLE (RFC 2177) on a connection of its own, as a hint to poll earlier and never as the truth.

The lines are read here and not by the library: an EXISTS before the `+`, a line in two segments, BYE and
end of file are all ordinary events. Whatever goes wrong, the rest of the wait is spent blocked.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import threading
import time
from collections.abc import Callable

import structlog

from smartticket_connectors.imap import border
from smartticket_connectors.imap.session import Session
from smartticket_connectors.imap.settings import ImapSettings
from smartticket_daemon.errors import SmartTicketError

log = structlog.get_logger(__name__)

RENEW = 300.0
"""Seconds after which IDLE is asked for anew; servers and routers forget a quiet connection."""
CALM = 1.0
"""Seconds between two hints at least."""
_LINE = 65_536
_FIRST_PAUSE, _LONGEST_PAUSE, _QUIET = 1.0, 300.0, 600.0
_ANSWER = 30.0
"""Seconds the server has to answer DONE."""


class Waker:
    """Blocks until there may be news, somebody calls `wake`, or the time is over."""

    def __init__(self, settings: ImapSettings) -> None:
        self._settings = settings
        self._session = Session(settings)
        self._busy = threading.Lock()
        self._lock = threading.Lock()
        self._ends: tuple[int, int] | None = None
        self._line = b""
        self._tag = 0
        self._began = 0.0
        self._due = 0.0
        self._leaving = False
        self._seen = 0
        self._hinted = 0.0
        self._pause = 0.0
        self._not_before = 0.0

    def seen(self, uidnext: int) -> None:
        """Polls have seen everything below this UID."""
        self._seen = uidnext

    def wake(self) -> None:
        """End the wait that runs, or the next one."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe()[1], b"x")

    def wait(self, seconds: float) -> bool:
        """True: a poll may find something."""
        with self._busy:
            end = time.monotonic() + seconds
            if self._rest(min(end, self._hinted + CALM)):
                return False
            while (now := time.monotonic()) < end:
                if now < self._not_before:
                    if self._rest(min(end, self._not_before)):
                        return False
                    continue
                try:
                    return self._listen(end)
                except (SmartTicketError, *border.FOREIGN) as error:
                    self._fail(error)
        return False

    def close(self) -> None:
        """Drop the connection, unless a wait is using it: that one goes on by itself."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._drop()
            with self._lock:
                ends, self._ends = self._ends, None
            for end in ends or ():
                os.close(end)
        finally:
            self._busy.release()

    def _listen(self, end: float) -> bool:
        if not self._began and not self._start():
            self._not_before = end  # no IDLE here: the clock alone says when to poll
            self._rest(end)
            return False
        sock, send = self._session.stream()
        while (now := time.monotonic()) < end:
            if now >= self._due:
                self._renew(send)
            if not self._pending(sock) and self._block(min(end, self._due) - now, sock):
                return False
            if self._pending(sock) and self._read(sock, send):
                self._hinted, self._pause = time.monotonic(), 0.0
                return True
        return False

    def _start(self) -> bool:
        """Begin to idle; False when the server does not offer it. News since the last poll count at once."""
        if not self._session.can("IDLE"):
            return False
        box = self._session.select(self._settings.folder)
        self._line = b"* 1 EXISTS\r\n" if self._seen and box.uidnext > self._seen else b""
        self._began = time.monotonic()
        self._idle(self._session.stream()[1])
        return True

    def _idle(self, send: Callable[[bytes], None]) -> None:
        self._tag += 1
        self._leaving, self._due = False, time.monotonic() + RENEW
        send(b"IDLE%d IDLE\r\n" % self._tag)

    def _renew(self, send: Callable[[bytes], None]) -> None:
        if self._leaving:
            raise ConnectionError("no answer to DONE")
        self._leaving, self._due = True, time.monotonic() + _ANSWER
        send(b"DONE\r\n")

    def _read(self, sock: socket.socket, send: Callable[[bytes], None]) -> bool:
        """Take in what the server said; True when a message came. Raises when the connection is of no use."""
        lines = (self._line + _receive(sock)).split(b"\r\n")
        self._line = lines.pop()
        if len(self._line) > _LINE:
            raise ConnectionError("endless line")
        news = False
        for line in lines:
            words = line.upper().split()
            if words[:2] == [b"IDLE%d" % self._tag, b"OK"] and self._leaving:
                self._idle(send)
            elif words[:2] == [b"*", b"BYE"] or words[:1] == [b"IDLE%d" % self._tag]:
                raise ConnectionError("the server ended IDLE")
            news = news or (words[:1] == [b"*"] and words[2:3] == [b"EXISTS"])
        return news

    def _pending(self, sock: socket.socket) -> bool:
        return b"\r\n" in self._line or _ready(sock)

    def _rest(self, until: float) -> bool:
        """Block until then; True when woken."""
        left = until - time.monotonic()
        return left > 0 and self._block(left, None)

    def _block(self, seconds: float, sock: socket.socket | None) -> bool:
        inner = self._pipe()[0]
        poller = select.poll()
        poller.register(inner, select.POLLIN)
        if sock is not None:
            poller.register(sock, select.POLLIN)
        ready = {fd for fd, _ in poller.poll(max(1.0, min(seconds, 86_400.0) * 1000))}
        if inner not in ready:
            return False
        os.read(inner, 4096)
        return True

    def _pipe(self) -> tuple[int, int]:
        with self._lock:
            if self._ends is None:
                self._ends = os.pipe()
                os.set_blocking(self._ends[0], False)
                os.set_blocking(self._ends[1], False)
            return self._ends

    def _fail(self, error: Exception) -> None:
        if self._began and time.monotonic() - self._began > _QUIET:
            self._pause = 0.0
        self._drop()
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        asked = getattr(error, "retry_after", None) or 0.0
        self._not_before = time.monotonic() + max(asked, self._pause * random.uniform(0.75, 1.25))  # noqa: S311
        log.info("idle_interrupted", host=self._settings.host, error=type(error).__name__)

    def _drop(self) -> None:
        self._session.drop()
        self._began, self._line = 0.0, b""


def _ready(sock: socket.socket) -> bool:
    pending = getattr(sock, "pending", None)
    if pending is not None and pending():
        return True
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def _receive(sock: socket.socket) -> bytes:
    if not _ready(sock):
        return b""
    data = sock.recv(16_384)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data
