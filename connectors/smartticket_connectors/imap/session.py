"""One connection to one mailbox: opened when needed, limited in time, its errors translated.

The limits: connecting and signing in together take at most half of `timeout`, and so does every command after
that; a server that stops answering therefore costs one `timeout` at most.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import structlog
from imapclient import IMAPClient

from smartticket_connectors.imap import border
from smartticket_connectors.imap.alarm import alarm
from smartticket_connectors.imap.auth import secret_for, sign_in
from smartticket_connectors.imap.settings import ImapSettings
from smartticket_connectors.imap.wire import WiredClient, sever
from smartticket_daemon.errors import ConfigurationError, Unreachable

log = structlog.get_logger(__name__)
logging.getLogger("imapclient").setLevel(logging.WARNING)  # its debug log shows SASL answers and mail

CONNECT_LIMIT = 15.0
"""Seconds a TCP and TLS connection may take."""
IDLE_LIMIT = 60.0
"""Seconds after which an unused connection is tried with NOOP before it is relied on."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What SELECT says of a folder."""

    name: str
    validity: int
    uidnext: int
    exists: int
    keywords: bool
    """New keywords can be made here and stay."""
    flags: frozenset[str] = frozenset()
    """The keywords that may be stored in any case, in lower case."""


class Session:
    """A connection that is opened on first use and again after it broke. For one thread at a time."""

    def __init__(self, settings: ImapSettings) -> None:
        self.settings = settings
        self.epoch = 0
        """Counts connections; what was learnt on an older one may be outdated."""
        self.mailbox: Mailbox | None = None
        self._client: IMAPClient | None = None
        self._limit = settings.timeout.total_seconds() / 2
        self._used = 0.0
        self._abilities: frozenset[str] = frozenset()
        self._cut = False

    @property
    def where(self) -> str:
        """Names the server for the operator."""
        return f"{self.settings.host}:{self.settings.port}"

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """Run one method of IMAPClient; its errors come out as ours, a broken connection is dropped."""
        client = self._client or self._connect()
        with self._guarded(client, name.replace("_", " ")):
            answer = getattr(client, name)(*args, **options)
        self._used = time.monotonic()
        return answer

    def can(self, capability: str) -> bool:
        """Whether the server offers `capability`."""
        if self._client is None:
            self._connect()
        return capability in self._abilities

    def resume(self) -> None:
        """See, before a new piece of work, that an open connection still lives; mostly this costs nothing."""
        client = self._client
        if client is None:
            return
        rested = time.monotonic() - self._used > IDLE_LIMIT
        if rested or _readable(client.socket()):
            with contextlib.suppress(Unreachable):
                self.call("noop")

    def select(self, folder: str) -> Mailbox:
        """Open a folder afresh; raises NoFolderError when there is none."""
        self.mailbox = None
        try:
            answer = self.call("select_folder", folder)
        except (border.RefusedError, border.NoFolderError):
            raise border.NoFolderError(f"{self.where}: the folder {folder} cannot be opened") from None
        self.mailbox = _mailbox(folder, answer)
        if not self.mailbox.uidnext:
            self.mailbox = _mailbox(folder, {**answer, b"UIDNEXT": self._last_uid() + 1})
        return self.mailbox

    def enter(self, folder: str) -> Mailbox:
        """Like `select`, but what is open stays open."""
        if self._client is not None and self.mailbox is not None and self.mailbox.name == folder:
            return self.mailbox
        return self.select(folder)

    def search(self, low: int, high: int, *criteria: str) -> list[int]:
        """UIDs between two bounds that meet the criteria, ascending."""
        found = self.call("search", ["UID", f"{low}:{high}", *criteria])
        return sorted({int(uid) for uid in found if low <= int(uid) <= high})

    def fetch(self, uids: Sequence[int], items: Sequence[str]) -> dict[int, dict[bytes, Any]]:
        """FETCH of a list of UIDs; those that are gone are missing from the answer."""
        return dict(self.call("fetch", list(uids), list(items))) if uids else {}

    def untagged(self, name: str) -> list[bytes]:
        """Take the response codes called `name` that came with the last commands (COPYUID, APPENDUID)."""
        client = self._client
        return list(client._imap.untagged_responses.pop(name, ())) if client is not None else []

    def stream(self) -> tuple[socket.socket, Callable[[bytes], None]]:
        """The socket and the way to write to it, for IDLE, which is spoken without the library."""
        client = self._client or self._connect()
        return client.socket(), client._imap.send

    def drop(self) -> None:
        """Close the socket at once."""
        client, self._client, self.mailbox = self._client, None, None
        if client is not None:
            self.epoch += 1
            _shut(client)

    def close(self) -> None:
        """Say good-bye and close; never raises."""
        client = self._client
        if client is not None:
            with contextlib.suppress(*border.FOREIGN), self._limited([client.socket().fileno()], 2.0):
                client._imap.logout()
        self.drop()

    def _last_uid(self) -> int:
        # a server without UIDNEXT: "*" is the last message, whatever its number
        return max((int(uid) for uid in self.call("search", ["UID", "*"])), default=0)

    def _connect(self) -> IMAPClient:
        secret = secret_for(self.settings)
        context = tls_context(self.settings)
        at_once = context if self.settings.tls == "implicit" else None
        settings, client, step = self.settings, None, "connecting"
        opened: list[int] = []
        try:
            with self._limited(opened, self._limit):
                limit = min(CONNECT_LIMIT, self._limit)
                client = WiredClient(settings.host, settings.port, limit, at_once, opened.append)
                step = "signing in"
                self._introduce(client, context, secret)
        except (*border.FOREIGN, ConfigurationError) as error:
            if client is not None:
                _shut(client)
            if isinstance(error, ConfigurationError):
                raise
            raise self._timed_out(border.translate(error, f"{self.where}, {step}")) from None
        self._client, self._used, self.mailbox = client, time.monotonic(), None
        self.epoch += 1
        return client

    def _introduce(self, client: IMAPClient, context: ssl.SSLContext | None, secret: str) -> None:
        if self.settings.tls == "starttls":
            if not client.has_capability("STARTTLS"):
                raise ConfigurationError(
                    f'{self.where} offers no STARTTLS; try tls = "implicit" and port 993'
                )
            client.starttls(context)
        client.socket().settimeout(self._limit)
        sign_in(client, self.settings, secret)
        self._abilities = frozenset(c.decode("ascii", "replace").upper() for c in client.capabilities())
        if "ID" in self._abilities:
            with contextlib.suppress(client.Error):
                client.id_({"name": "SmartTicket", "version": version("smartticket")})

    @contextmanager
    def _guarded(self, client: IMAPClient, step: str) -> Iterator[None]:
        try:
            with self._limited([client.socket().fileno()], self._limit):
                yield
        except border.FOREIGN as error:
            if not border.usable(error):
                self.drop()
            raise self._timed_out(border.translate(error, f"{self.where}, {step}")) from None

    @contextmanager
    def _limited(self, opened: list[int], seconds: float) -> Iterator[None]:
        """Cut the connection when time is up; the socket's own time-out starts again with every byte."""
        self._cut = False

        def cut() -> None:
            self._cut = True
            for number in opened:
                sever(number)

        with alarm.within(seconds, cut):
            yield

    def _timed_out(self, error: Exception) -> Exception:
        return Unreachable(f"{self.where}: no answer in time") if self._cut else error


def _shut(client: IMAPClient) -> None:
    with contextlib.suppress(*border.FOREIGN):
        client.shutdown()


def tls_context(settings: ImapSettings) -> ssl.SSLContext | None:
    """A context that verifies name and chain; None for plain connections."""
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "holds no certificate"
        raise ConfigurationError(f"ca_file {settings.ca_file}: {reason}") from None


def _readable(sock: socket.socket) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def _mailbox(name: str, answer: dict[bytes, Any]) -> Mailbox:
    # without PERMANENTFLAGS nothing says that new keywords can be made
    permanent = {flag.decode("ascii", "replace").lower() for flag in answer.get(b"PERMANENTFLAGS", ())}
    return Mailbox(
        name=name,
        validity=answer.get(b"UIDVALIDITY", 0),
        uidnext=answer.get(b"UIDNEXT", 0),
        exists=answer.get(b"EXISTS", 0),
        keywords="\\*" in permanent,
        flags=frozenset(flag for flag in permanent if not flag.startswith("\\")),
    )
