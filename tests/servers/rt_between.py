"""Stands between the connector and a real RT: sees every request, makes trouble, plays people."""

from __future__ import annotations

from collections.abc import Callable

import requests

from tests.doubles.server import Reply, Request, Server
from tests.servers.rt import RequestTracker


class Between(Server):
    """Passes everything on. `people` act just before a write reaches RT, each once."""

    def __init__(self, rt: RequestTracker) -> None:
        super().__init__()
        self.rt = rt
        self.people: list[Callable[[], None]] = []

    def handle(self, request: Request) -> Reply:
        if request.method != "GET" and self.people:
            self.people.pop(0)()
        kept = {
            n: v for n, v in request.headers.items() if n in ("authorization", "content-type", "if-match")
        }
        answer = requests.request(
            request.method,
            self.rt.url + request.path,
            params=dict(request.query),
            headers=kept,
            data=request.body,
            timeout=60,
        )
        headers = {
            name: answer.headers[name] for name in ("ETag", "Location", "Date") if name in answer.headers
        }
        return Reply(answer.status_code, answer.json() if answer.content else None, headers)

    @property
    def writes(self) -> list[Request]:
        """Everything that could change RT."""
        return [request for request in self.requests if request.method != "GET"]
