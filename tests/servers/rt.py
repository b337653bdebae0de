"""A real Request Tracker worked by its script, customers who mail it, and its agents."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from smartticket_connectors.request_tracker.settings import RequestTrackerSettings

HERE = Path(__file__).parent
US = "smartticket"


class RequestTracker:
    """A running RT in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        with (folder / "start.log").open("wb") as out:  # the server keeps the pipes it is born with open
            done = subprocess.run(
                [str(HERE / "rt.sh"), "start", str(folder)], stdout=out, stderr=out, timeout=120
            )
        if done.returncode:
            raise RuntimeError(f"rt.sh start: {(folder / 'start.log').read_text()[-2000:]}")
        self.env = dict(line.split("=", 1) for line in (folder / "env").read_text().split())
        self.url = self.env["RT_URL"]
        self.token = folder / "token.secret"
        self.token.write_text(self.env["RT_TOKEN"])

    def run(self, verb: str) -> None:
        """One verb of the script; see its head."""
        log = self.folder / "script.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [str(HERE / "rt.sh"), verb, str(self.folder)], stdout=out, stderr=out, timeout=60
            )
        if done.returncode:
            raise RuntimeError(f"rt.sh {verb}: {log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it and remove its folder."""
        self.run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method: str, path: str, body: Any = None, *, user: str = "root") -> Any:
        """A request of an agent's, with a password."""
        auth = (user, "password" if user == "root" else f"{user}-pw")
        answer = requests.request(method, f"{self.url}/REST/2.0{path}", json=body, auth=auth, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def new_queue(self) -> str:
        """A queue that no other test uses."""
        name = f"Queue {os.getpid()} {next(self._numbers)}"
        self.ask("POST", "/queue", {"Name": name})
        return name

    def mail(self, raw: bytes, queue: str) -> None:
        """Hand a mail to RT's gateway, as its program `rt-mailgate` does."""
        form = {"queue": queue, "action": "correspond", "SessionType": "REST", "message": raw}
        answer = requests.post(f"{self.url}/REST/1.0/NoAuth/mail-gateway", data=form, timeout=60)
        if not (answer.ok and answer.text.startswith("ok")):
            raise RuntimeError(f"mail gateway: {answer.status_code} {answer.text[:200]}")

    def newest(self, queue: str) -> str:
        """The number of the newest ticket in a queue."""
        query = quote(f"Queue = '{queue}'")
        page = self.ask("GET", f"/tickets?query={query}&orderby=id&order=DESC&per_page=1")
        return str(page["items"][0]["id"])

    def outbox(self) -> list[Message]:
        """Everything RT has sent."""
        box = self.folder / "outbox.mbox"
        mails = box.read_bytes().split(b"From rt\n")[1:] if box.exists() else []
        return [message_from_bytes(raw) for raw in mails]

    def caused_by_us(self) -> int:
        """How many mails something that we did has sent, to whomever."""
        return sum(f"{US}@" in (mail["X-RT-Originator"] or "") for mail in self.outbox())

    def settings(self, **changes: Any) -> RequestTrackerSettings:
        """Settings of a source on this RT."""
        values: dict[str, Any] = {
            "url": self.url,
            "username": US,
            "token_file": str(self.token),
            "queues": ["Support"],
            "own_addresses": ["support@rt.test"],
            "start": "all",
            "budget": 1.0,
            "timeout": "30s",
        }
        return RequestTrackerSettings.model_validate({**values, **changes})


@dataclass(frozen=True)
class Comment:
    """An internal comment on a ticket."""

    number: str
    creator: str
    subject: str
    text: str


def first_mail(subject: str, body: str, sender: str = "ann@customer.example") -> EmailMessage:
    """What a customer sends."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "support@rt.test", subject
    mail["Message-ID"] = make_msgid(domain="customer.example")
    mail.set_content(body)
    return mail


def comments(rt: RequestTracker, ticket: str) -> list[Comment]:
    """All internal comments on a ticket, as an administrator sees them."""
    found = []
    for step in history(rt, ticket):
        if step["Type"] == "Comment":
            page = rt.ask("GET", f"/transaction/{step['id']}/attachments?fields=Subject,Content")
            row = page["items"][0]
            found.append(Comment(step["id"], step["Creator"]["id"], row["Subject"], row["Content"]))
    return found


def history(rt: RequestTracker, ticket: str) -> list[dict[str, Any]]:
    """The ticket's transactions, the oldest first."""
    fields = "Type,Creator,Field,OldValue,NewValue,Data"
    page = rt.ask("GET", f"/ticket/{ticket}/history?fields={fields}&per_page=100")
    return list(page["items"])


def tags(rt: RequestTracker, ticket: str) -> list[str]:
    """Values of the custom field."""
    row = rt.ask("GET", f"/ticket/{ticket}")
    return [value for field in row["CustomFields"] for value in field["values"]]


def queue(rt: RequestTracker, ticket: str) -> str:
    """The name of the queue a ticket is in."""
    row = rt.ask("GET", f"/ticket/{ticket}?fields%5BQueue%5D=Name")
    return str(row["Queue"]["Name"])
