"""A desk in memory: customers write, we triage, agents re-tag, a new model is trained and promoted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from bench.feedback_texts import Mail
from smartticket_config.settings import Settings
from smartticket_daemon.backoff import Backoff
from smartticket_daemon.cli.lessons import read_lessons
from smartticket_daemon.cli.models_gate import HeldOut, weigh
from smartticket_daemon.domain import Mode
from smartticket_daemon.feedback import Looking, look_again
from smartticket_daemon.filters import FilterRules
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.judge import Judge
from smartticket_daemon.pipeline import Source
from smartticket_daemon.policy import CategoryPolicy, Policy
from smartticket_daemon.polling import poll
from smartticket_daemon.replies import Replies
from smartticket_daemon.testing import InMemoryConnector, InMemoryRemote, InMemorySettings
from smartticket_model import load
from smartticket_training.api import Features, train
from smartticket_training.dataset import Columns


class Desk(Protocol):
    """What the bench does with a desk; a ticket's number is its place in what was delivered."""

    def deliver(self, mails: Sequence[Mail]) -> None:
        """Customers write, and everything is triaged."""

    def categories(self) -> dict[int, str]:
        """Number and category tag of every ticket, `unsure` included."""

    def retag(self, changes: Mapping[int, str]) -> None:
        """Agents put another category's tag in place of ours, and we look at every ticket again."""

    def opinions(self) -> dict[str, int]:
        """How many of each the journal has."""

    def train(self, data: Path, out: Path, features: Features, trust: str = "") -> None:
        """Train on a file and on what agents corrected."""

    def promote(self, model: Path, unseen: Path) -> list[str]:
        """What `models promote` says against a model; it judges from now on where that is nothing."""


def count(journal: SqlJournal) -> dict[str, int]:
    """Opinions in the journal by kind."""
    found = [j.feedback.opinion.value for j in journal.feedback() if j.feedback]
    return {kind: found.count(kind) for kind in sorted(set(found))}


def category_of(tags: Iterable[str]) -> str:
    """The category that a ticket's tags name; all tags where that is not one."""
    found = [tag.lower().removeprefix("category__") for tag in tags if tag.lower().startswith("category__")]
    return found[0] if len(found) == 1 else json.dumps(sorted(found))


def gate(running: Path, candidate: Path, unseen: Path) -> list[str]:
    """What speaks against a candidate, by the function that `models promote` calls."""
    settings = Settings.model_validate({"model": {"path": str(running)}})
    columns = Columns("label", subject="subject", body="body")
    return list(weigh(settings, load(candidate), HeldOut(unseen, columns)).against)


@dataclass
class MemoryDesk:
    """The pipeline over the in-memory connector; time is what we say it is."""

    state: Path
    model: Path
    remote: InMemoryRemote = field(init=False)
    now: datetime = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.remote = InMemoryRemote(clock=self._clock)
        self._settings = InMemorySettings(kind="memory", remote=self.remote, start="all", batch=100)
        self._connector = InMemoryConnector("box", self._settings)
        self._journal = open_journal(self.state)
        self._tickets: list[str] = []

    def _clock(self) -> datetime:
        return self.now

    def _source(self) -> Source:
        model = load(self.model)
        plan = {name: CategoryPolicy(f"category__{name}", None, 0.0) for name in model.categories}
        replies = Replies([Path(str(files("smartticket_config") / "replies"))])
        judge = Judge(lambda: model, Policy(Mode.TAG, plan, "category__unsure"), replies, _rules)
        return Source("box", self._connector, self._journal, judge, Backoff(), clock=self._clock)

    def deliver(self, mails: Sequence[Mail]) -> None:
        """See Desk."""
        self._tickets += [self.remote.deliver(mail.subject, mail.body, mail.sender) for mail in mails]
        poll(self._source())

    def categories(self) -> dict[int, str]:
        """See Desk."""
        tags = (self.remote.look(ticket).tags for ticket in self._tickets)
        return {number: category_of(own) for number, own in enumerate(tags)}

    def retag(self, changes: Mapping[int, str]) -> None:
        """See Desk."""
        for number, category in changes.items():
            ticket = self.remote.tickets[self._tickets[number]]
            ticket.tags = {tag for tag in ticket.tags if not tag.startswith("category__")}
            self.remote.agent_tags(ticket.name, f"category__{category}")
        self.now += timedelta(hours=2)
        while look_again(self._source(), Looking()):
            pass

    def opinions(self) -> dict[str, int]:
        """See Desk."""
        return count(self._journal)

    def train(self, data: Path, out: Path, features: Features, trust: str = "") -> None:
        """See Desk."""
        found = read_lessons(self._journal, {"box": self._connector}).lessons
        told = [replace(own, trusted=bool(trust) and own.key.startswith(trust)) for own in found]
        columns = {"subject": "subject", "body": "body"}
        train(data, "label", out=out, lessons=told, jobs=1, features=features, **columns)  # type: ignore[arg-type]

    def promote(self, model: Path, unseen: Path) -> list[str]:
        """See Desk."""
        against = gate(self.model, model, unseen)
        self.model = self.model if against else model
        return against


def _rules(now: datetime) -> FilterRules:
    return FilterRules(frozenset(), triage_replies=False, max_age=None, start=None, now=now)
