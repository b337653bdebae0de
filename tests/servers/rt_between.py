"""Stands between the connector and a real RT: sees every request, makes trouble, plays people."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import requests

from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_daemon.domain import Message, MessageRef
from tests.doubles.server import Reply, Request, Server
from tests.servers.rt import RequestTracker, first_mail


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


class Desk:
    """One queue, the connector that reads it through `between`, and the messages it has."""

    def __init__(self, rt: RequestTracker) -> None:
        self.rt = rt
        self.queue = rt.new_queue()
        self.between = Between(rt)

    def connector(self, **changes: Any) -> RequestTrackerConnector:
        settings = self.rt.settings(url=self.between.url, queues=[self.queue], **changes)
        return RequestTrackerConnector("desk", settings)

    def receive(self, mail: EmailMessage | bytes) -> Message:
        """A mail arrives and is read."""
        self.rt.mail(mail if isinstance(mail, bytes) else mail.as_bytes(), self.queue)
        return self.connector().read(MessageRef("desk", self.rt.newest(self.queue), "first"))

    def ref(self) -> MessageRef:
        """A new plain ticket."""
        return self.receive(first_mail("Charged twice", "I was charged twice.")).ref


def assert_private(writes: list[Request]) -> None:
    """Nothing but tags, queue and internal comments was ever asked for."""
    for request in writes:
        assert "correspond" not in request.path.lower()
        if request.method == "PUT":
            assert set(request.json()) <= {"CustomFields", "Queue"}
        else:
            assert request.method == "POST"
            assert request.path.endswith("/comment")
            assert set(request.json()) == {"Content", "ContentType", "Subject"}
            assert request.json()["ContentType"] == "text/plain"
