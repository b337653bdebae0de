"""Named points at which a process can be made to die, or to lose the answer of a write that took effect.

Methods of the real classes are wrapped, in a forked child alone; nothing of the program knows of it.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartticket_daemon.errors import TransientError, Unreachable

_JOURNAL = "smartticket_daemon.journal.journal:SqlJournal"
_COMMITS = ("record", "first_poll_done", "claim", "complete", "skip", "unclaim", "set_health")
_FOLDER = "smartticket_connectors.folder"
_IMAP = "smartticket_connectors.imap"
_ZENDESK = "smartticket_connectors.zendesk"
_FRESHDESK = "smartticket_connectors.freshdesk"
_RT = "smartticket_connectors.request_tracker"


def _verbs(connector: str, *more: str) -> dict[str, str]:
    return {f"connector.{name}": f"{connector}.{name}" for name in ("apply", "applied", *more, "fetch")}


_STEPS = {
    "folder": {
        **_verbs(f"{_FOLDER}.connector:FolderConnector", "current"),
        "remote.tags": f"{_FOLDER}.records:Records.save",
        "remote.draft": f"{_FOLDER}.files:Files.write_draft",
        "remote.move": f"{_FOLDER}.files:Files.move",
        "remote.folder": f"{_FOLDER}.maildir:Maildir.make_folder",
        "disk.rename": f"{_FOLDER}.durable:rename",
        "disk.sync": f"{_FOLDER}.durable:sync_directory",
    },
    "imap": {
        **_verbs(f"{_IMAP}.connector:ImapConnector", "current"),
        "remote.tags": f"{_IMAP}.tags:Keeper.add",
        "remote.draft": f"{_IMAP}.drafts:Drafts.write",
        "remote.move": f"{_IMAP}.mover:Mover.move",
        "remote.command": f"{_IMAP}.session:Session.call",
    },
    "zendesk": {
        **_verbs(f"{_ZENDESK}.connector:ZendeskConnector"),
        "remote.sign_in": f"{_ZENDESK}.auth:ClientCredentials._fetch",
        "remote.export": f"{_ZENDESK}.desk:Desk.export",
        "remote.look": f"{_ZENDESK}.desk:Desk.ticket",
        "remote.history": f"{_ZENDESK}.desk:Desk.audits",
        "remote.update": f"{_ZENDESK}.desk:Desk.update",
        "remote.verify": f"{_ZENDESK}.writer:Writer._outcome",
        "http.exchange": "smartticket_daemon.http.session:Session._exchange",
    },
    "freshdesk": {
        **_verbs(f"{_FRESHDESK}.connector:FreshdeskConnector"),
        "remote.list": f"{_FRESHDESK}.api:Api.tickets",
        "remote.look": f"{_FRESHDESK}.look:Looker.find",
        "remote.update": f"{_FRESHDESK}.api:Api.update",
        "remote.verify_update": f"{_FRESHDESK}.writer:Writer._expect",
        "remote.note": f"{_FRESHDESK}.api:Api.note",
        "remote.verify_note": f"{_FRESHDESK}.writer:Writer._insist_private",
        "remote.look_again": f"{_FRESHDESK}.look:Looker.again",
        "http.exchange": "smartticket_daemon.http.session:Session._exchange",
    },
    "request_tracker": {
        **_verbs(f"{_RT}.connector:RequestTrackerConnector"),
        "remote.list": f"{_RT}.desk:Desk.after",
        "remote.look": f"{_RT}.desk:Desk.ticket",
        "remote.update": f"{_RT}.desk:Desk.change",
        "remote.note": f"{_RT}.desk:Desk.comment",
        "http.exchange": "smartticket_daemon.http.session:Session._exchange",
    },
}
HELPDESKS = ("zendesk", "freshdesk", "request_tracker")
_WRITES = ("connector.apply", "remote.tags", "remote.draft", "remote.move")


def steps(connector: str) -> dict[str, str]:
    """Every step of a process that reads from `connector`, and the method that takes it."""
    return {f"journal.{name}": f"{_JOURNAL}.{name}" for name in _COMMITS} | _STEPS[connector]


def points(connector: str) -> list[str]:
    """Before and after each step."""
    return [f"{step}.{side}" for step in steps(connector) for side in ("before", "after")]


def lost_answers(connector: str) -> list[str]:
    """Where a write took effect and its answer can be lost; helpdesks lose answers on the way instead."""
    if connector in HELPDESKS:
        return []
    return [f"{step}.after" for step in steps(connector) if step in _WRITES]


@dataclass
class Fate:
    """What happens at the `count`-th passage of `point`; `seconds` ends the process after that time."""

    point: str = ""
    count: int = 1
    seconds: float = 0.0
    error: Exception | None = None
    told: Path = Path(os.devnull)
    """A file that comes to be when the error is raised: the exit code need not tell."""

    def install(self, connector: str) -> None:
        """In this process, once."""
        step, _, _ = self.point.rpartition(".")
        if step:
            _wrap(steps(connector)[step], self)
        if self.seconds:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which is the end
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def pass_by(self, side: str) -> None:
        """One passage."""
        if not self.point.endswith(side):
            return
        self.count -= 1
        if self.count == 0:
            if self.error:
                self.told.write_text(self.point, "utf-8")
                raise self.error
            os.kill(os.getpid(), signal.SIGKILL)


LOST = (Unreachable("the answer was lost"), TransientError("the answer was lost"), TimeoutError())


def _wrap(target: str, fate: Fate) -> None:
    module_name, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for part in owners:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    yields = name == "fetch" or inspect.isgeneratorfunction(original)
    setattr(owner, name, _batches(original, fate) if yields else _call(original, fate))


def _call(original: Callable[..., Any], fate: Fate) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        fate.pass_by(".before")
        result = original(*args, **kwargs)
        fate.pass_by(".after")
        return result

    return wrapped


def _batches(original: Callable[..., Iterator[Any]], fate: Fate) -> Callable[..., Iterator[Any]]:
    """Before the first batch (page, entry); after each one was read."""

    def wrapped(*args: Any, **kwargs: Any) -> Iterator[Any]:
        fate.pass_by(".before")
        for batch in original(*args, **kwargs):
            fate.pass_by(".after")
            yield batch

    return wrapped
