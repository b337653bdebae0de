"""A queue of a real Request Tracker as a helpdesk of the campaigns, seen through a proxy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from bench.helpdesks import MACHINE, MERGED, THEIRS, Helpdesk, Shown, Watched
from smartticket_connectors.request_tracker.content import FIRST
from smartticket_daemon.domain import MessageRef
from tests.servers.rt import US, RequestTracker, first_mail, history
from tests.servers.rt_between import Between


class _Between(Watched, Between): ...


class TrackerDesk(Helpdesk):
    """One queue of its own. A person's acts are root's; RT mails customers for those, never for ours."""

    kind = "request_tracker"
    elsewhere = "Complaints"
    inherits = True
    normal_looks = 4
    """The ticket and its history, before and after the change."""
    hides: ClassVar[tuple[str, ...]] = ("merge", "delete", "route")

    def __init__(self, rt: RequestTracker, folder: Path) -> None:
        super().__init__(folder)
        self.rt = rt
        self.queue = rt.new_queue()
        self.server: _Between = _Between(rt)
        self.server.desk = self
        self.server.trouble = self.watch.trouble
        self._mails = rt.caused_by_us()

    def settings(self) -> str:
        return (
            f'url = "{self.server.url}"\nusername = "{US}"\ntoken_file = "{self.rt.token}"\n'
            f'queues = ["{self.queue}"]\nbatch = 5\nbudget = 1\ntimeout = "30s"\n'
        )

    def create(self, subject: str, body: str, sender: str) -> str:
        mail = first_mail(subject, body, sender)
        if sender == MACHINE:
            mail["Auto-Submitted"] = "auto-generated"
        self.rt.mail(mail.as_bytes(), self.queue)
        return self.rt.newest(self.queue)

    def decide(self, name: str) -> None:
        """Another queue would take it out of our sight."""
        self.set_tags(name, [THEIRS])

    def shown(self, name: str) -> Shown:
        row = self.rt.ask("GET", f"/ticket/{name}?fields%5BQueue%5D=Name")
        tags = frozenset(value for field in row["CustomFields"] for value in field["values"])
        notes = tuple(str(step["id"]) for step in history(self.rt, name) if self._is_note(name, step))
        if str(row["id"]) != name:
            return Shown(False, MERGED, frozenset(), None, notes)
        group = None if row["Queue"]["Name"] == self.queue else str(row["Queue"]["Name"])
        return Shown(row["Status"] != "deleted", row["Status"], tags, group, notes)

    def _is_note(self, name: str, step: dict[str, Any]) -> bool:
        """A ticket that was merged shows the comments of the other one too; each has its ticket's key."""
        key = MessageRef("box", name, FIRST).key
        ours = step["Type"] == "Comment" and step["Creator"]["id"] == US
        return ours and key in str(step["Data"]).split()

    def public(self) -> int:
        """Mails that anything of ours has caused, and requests that went wrong on the way."""
        return self.rt.caused_by_us() - self._mails + len(self.server.errors)

    def _put(self, name: str, change: dict[str, Any]) -> None:
        self.rt.ask("PUT", f"/ticket/{name}", change)

    def set_tags(self, name: str, tags: list[str]) -> None:
        self._put(name, {"CustomFields": {"SmartTicket": sorted(tags)}})

    def route(self, name: str, group: str) -> None:
        self._put(name, {"Queue": group})

    def close(self, name: str) -> None:
        self._put(name, {"Status": "resolved"})

    def merge(self, name: str, into: str) -> None:
        self._put(name, {"MergeInto": int(into)})

    def reply(self, name: str) -> None:
        self._say(name, "correspond")

    def note(self, name: str) -> None:
        self._say(name, "comment")

    def _say(self, name: str, how: str) -> None:
        self.rt.ask(
            "POST", f"/ticket/{name}/{how}", {"Content": "We are on it.", "ContentType": "text/plain"}
        )

    def delete(self, name: str) -> None:
        self._put(name, {"Status": "deleted"})


@contextmanager
def real_desks() -> Iterator[Callable[[Path], TrackerDesk]]:
    """A maker of queues on an RT of our own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        rt = RequestTracker(Path(home))
        try:
            yield lambda folder: TrackerDesk(rt, folder)
        finally:
            rt.stop()
