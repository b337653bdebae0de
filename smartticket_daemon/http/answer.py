"""What came back from a helpdesk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from requests.structures import CaseInsensitiveDict

from smartticket_daemon.errors import Unreachable
from smartticket_daemon.http.limits import http_date


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names without case), and a body that was capped while it was read.

    `where` names host and step for the operator; `address` is where the answer came from.
    """

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes
    where: str
    address: str

    @property
    def date(self) -> datetime | None:
        """When the service says that it answered; its seconds are whole."""
        return http_date(self.headers.get("Date", ""))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Unreachable when it is none: it is not the service that spoke."""
        value = self._parsed()
        if not isinstance(value, dict):
            raise Unreachable(f"{self.where}: the answer is not what the service sends; look at url")
        return value

    def items(self) -> list[Any]:
        """The body as a JSON array. Raises Unreachable when it is none."""
        value = self._parsed()
        if not isinstance(value, list):
            raise Unreachable(f"{self.where}: the answer is not what the service sends; look at url")
        return value

    def details(self) -> dict[str, Any]:
        """The JSON object of an error's body, empty where it is HTML, empty, binary or anything else."""
        value = self._parsed()
        return value if isinstance(value, dict) else {}

    def _parsed(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None
