"""What the headers of an answer say about rates. Pure; a header that makes no sense counts as absent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ACCOUNT = ""
"""The name of the limit that counts every request of the account."""

_HEADER = re.compile(r"(?:[a-z]+-)??(?:x-)?rate-?limit(?:-(.+))?", re.IGNORECASE)
_ACCOUNT_WORDS = {"": "total", "limit": "total", "total": "total", "remaining": "left", "reset": "resets"}
_USED = "used-currentrequest"
_PAIR = re.compile(r"\s*(total|remaining|resets?)\s*=\s*(\d{1,9})\s*", re.IGNORECASE)
_PAIR_WORDS = {"total": "total", "remaining": "left", "reset": "resets", "resets": "resets"}


@dataclass(frozen=True, slots=True)
class Limit:
    """One announced limit: requests a window, requests left in it, seconds until it is over."""

    total: int | None = None
    left: int | None = None
    resets: float | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """All limits of one answer by name (ACCOUNT, `tickets-update` ...), and what the request cost."""

    limits: Mapping[str, Limit]
    used: int | None = None


def announced(headers: Mapping[str, str]) -> Announced:
    """Reads `X-Rate-Limit-*`, `X-RateLimit-*`, `RateLimit-*` and `vendor-ratelimit-x: total=..; ..`."""
    account: dict[str, float] = {}
    limits: dict[str, Limit] = {}
    used = None
    for header, value in headers.items():
        if not (match := _HEADER.fullmatch(header)):
            continue
        name = (match[1] or "").lower()
        if name == _USED:
            used = _number(value)
        elif name in _ACCOUNT_WORDS:
            number = _number(value)
            if number is not None:
                account[_ACCOUNT_WORDS[name]] = number
        elif limit := _endpoint(value):
            limits[name] = limit
    if account:
        limits[ACCOUNT] = _limit(account)
    return Announced(limits, None if used is None else int(used))


def _endpoint(value: str) -> Limit | None:
    pairs = (match for part in value.split(";") if (match := _PAIR.fullmatch(part)))
    found = {_PAIR_WORDS[match[1].lower()]: float(match[2]) for match in pairs}
    return _limit(found) if found else None


def _limit(found: Mapping[str, float]) -> Limit:
    total, left = found.get("total"), found.get("left")
    return Limit(int(total) if total else None, None if left is None else int(left), found.get("resets"))


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e9 else None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from either form of `Retry-After` (RFC 9110, 10.2.3); None where there is none.

    A date is measured against the answer's own `Date`, so that a clock that is off does no harm.
    """
    value = headers.get("Retry-After", "").strip()
    if (seconds := _number(value)) is not None:
        return seconds
    until = http_date(value)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers.get("Date", "")) or now)).total_seconds())


def http_date(value: str) -> datetime | None:
    """A date in any of the forms of RFC 9110, 5.6.7; None where it is none."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
