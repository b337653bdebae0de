"""The one place that requests may go to. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from smartticket_daemon.errors import ConfigurationError

_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_BRACKETS = re.compile(r"\[[0-9a-fA-F:.]+\](?::\d+)?", re.ASCII)
_VISIBLE = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""Visible ASCII without the backslash, which some parsers take for a slash."""


@dataclass(frozen=True, slots=True)
class Base:
    """Scheme, host (lower case), port and path prefix (no slash at its end) of a helpdesk."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Base:
        """The base in `url`; raises ValueError, in the operator's words and without quoting the URL.

        `https` only (plain `http` to this machine itself), no user, query, fragment or odd spelling of the
        host: what could be read in two ways is refused.
        """
        if not _VISIBLE.fullmatch(url):
            raise ValueError("url must be plain ASCII without spaces or backslashes")
        parts = _split(url)
        host = _host(parts)
        if parts.scheme not in _PORTS or not parts.netloc:
            raise ValueError("url begins with https://")
        if parts.scheme == "http" and not is_loopback(host):
            raise ValueError("url must begin with https://; plain http goes to this machine itself only")
        if "?" in url or "#" in url:
            raise ValueError("url has no place for a query or fragment")
        if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
            raise ValueError("the path in url may have letters, digits and . _ ~ - only")
        return cls(parts.scheme, host, _port(parts), parts.path.rstrip("/"))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def join(self, path: str) -> str:
        """The full address of `path` (begins with a slash, percent-encoded where needed)."""
        address = f"{self}{path}"
        if not path.startswith("/") or not self.holds(address):
            raise ConfigurationError(f"{self.host}: a path would leave the configured url")
        return address

    def resolve(self, link: str, at: str) -> str:
        """Where a link in the answer of `at` leads; raises ConfigurationError when it leaves this base."""
        try:
            target = urljoin(at, link)
        except ValueError:
            target = ""
        if not _VISIBLE.fullmatch(link) or not self.holds(target):
            raise ConfigurationError(
                f"{self.host}: the server points to another place; nothing was sent there. Correct url"
            )
        return target

    def holds(self, address: str) -> bool:
        """Whether a full address lies in this base: same scheme, host, port, and below its path."""
        if not _VISIBLE.fullmatch(address):
            return False
        try:
            parts = _split(address)
            same = (parts.scheme, _host(parts), _port(parts)) == (self.scheme, self.host, self.port)
        except ValueError:
            return False
        segments = re.split(r"/|%2f|%5c", parts.path.lower())
        climbs = {"..", ".", ".%2e", "%2e.", "%2e%2e", "%2e"} & set(segments)
        return same and not climbs and parts.path.startswith(f"{self.path}/")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("url cannot be read") from None


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port in url is not a number from 1 to 65535") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("the port in url is not a number from 1 to 65535")
    return port or _PORTS.get(parts.scheme, 0)


def _host(parts: SplitResult) -> str:
    """The host; refuses users and every spelling that two programs could read differently."""
    if "@" in parts.netloc:
        raise ValueError("url must not hold a user or password")
    if "%" in parts.netloc:
        raise ValueError("the host in url must not be percent-encoded")
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return _six(host, parts.netloc)
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise ValueError("the host in url is not a host name")
    last = host.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError("the host in url is an odd spelling of an address") from None
    return host


def _six(host: str, netloc: str) -> str:
    try:
        address = str(ipaddress.IPv6Address(host))
    except ValueError:
        address = ""
    if not address or not _BRACKETS.fullmatch(netloc):
        raise ValueError("the host in url is not an IPv6 address")
    return address


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
