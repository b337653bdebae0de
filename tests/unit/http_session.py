"""HTTP sessions to test with: their credentials, their host, what they asked for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import responses

from smartticket_daemon.http import HelpdeskSettings, Session
from tests.doubles.hour import Hour

CANARY = "Bearer canary-7f3a"
HOST = "acme.example.com"
_accounts = itertools.count()


class Keys:
    """Credentials that can be renewed so many times."""

    def __init__(self, spare: int = 0) -> None:
        self.spare = spare
        self.renewed = 0

    def headers(self, session: Session) -> Mapping[str, str]:
        return {"Authorization": f"{CANARY}{self.renewed}"}

    def renew(self, session: Session) -> bool:
        self.renewed += 1
        return self.renewed <= self.spare


def make(hour: Hour, keys: Keys | None = None, url: str = f"https://{HOST}", **more: Any) -> Session:
    settings = HelpdeskSettings.model_validate({"kind": "x", "url": url, **more})
    return Session(settings, keys or Keys(), account=str(next(_accounts)), clock=hour.clock())


def asked(net: responses.RequestsMock) -> list[str]:
    return [call.request.url or "" for call in net.calls]
