"""imapclient on a socket of our own: limited from its birth, no delay of small packets, no huge literals."""

from __future__ import annotations

import imaplib
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError

LITERAL_LIMIT = 64 * 1024 * 1024
"""Bytes one literal of an answer may have; we never ask for as much."""


class _Wire(imaplib.IMAP4):
    """One protocol stream; `born` gets the file number as soon as there is one, before TLS and greeting."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        context: ssl.SSLContext | None,
        born: Callable[[int], None],
    ) -> None:
        self._context = context
        self._born = born
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        sock = socket.create_connection((self.host, self.port), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # APPEND ends in a packet of two bytes
        self._born(sock.fileno())
        return self._context.wrap_socket(sock, server_hostname=self.host) if self._context else sock

    def read(self, size: int) -> bytes:
        """Refuses what would fill the memory."""
        if size > LITERAL_LIMIT:
            raise IMAPClientAbortError("literal too large")
        return super().read(size)


class WiredClient(IMAPClient):  # type: ignore[misc]
    """IMAPClient over such a stream; times keep their zone."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        context: ssl.SSLContext | None,
        born: Callable[[int], None],
    ) -> None:
        self._open: Callable[[], imaplib.IMAP4] = lambda: _Wire(host, port, timeout, context, born)
        super().__init__(host, port, ssl=context is not None, timeout=SocketTimeout(timeout, timeout))
        self.normalise_times = False
        self._imap.debug = 0  # imapclient has imaplib format every line for a log that nobody may see

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - the library's name
        return self._open()


def sever(number: int) -> None:
    """End a connection by its file number; who reads or writes there sees its end."""
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as sock:
        sock.shutdown(socket.SHUT_RDWR)
