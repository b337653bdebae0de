"""Connections on which a request has one deadline, however slowly its answer trickles in.

A time-out of a socket counts from each byte received, so a server that sends one now and then is never cut
off by it. Here each read gets what is left of the whole time.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Timeout

CONNECT = 10.0
"""Seconds for a connection to be made."""

SILENCE = 20.0
"""Seconds that a server may say nothing."""


class _Reader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        self._sock.settimeout(min(left, SILENCE))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Timed:
    """Mixed into urllib3's connections; their `timeout` is what is left for the answer when it is awaited."""

    timeout: Any

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(sock, *args, **kwargs)
        until = time.monotonic() + float(self.timeout or SILENCE)
        raw = response.fp.detach()
        response.fp = io.BufferedReader(_Reader(raw, sock, until))
        return response


class _Http(_Timed, HTTPConnection):  # type: ignore[misc]
    pass


class _Https(_Timed, HTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class Adapter(HTTPAdapter):
    """An adapter of requests with such connections, and without retries of its own."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See HTTPAdapter."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def within(seconds: float) -> Any:
    """The time-outs of one request that may take `seconds` from its beginning to its end.

    A urllib3 Timeout, which requests passes on as it is (and its type stubs do not know).
    """
    return Timeout(connect=min(CONNECT, seconds), total=seconds)
