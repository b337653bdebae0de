"""A small support desk to test with: a remote in memory, the real journal, a clock that is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from smartticket_daemon.backoff import Backoff
from smartticket_daemon.domain import Mode, Prediction
from smartticket_daemon.filters import FilterRules
from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.judge import Judge
from smartticket_daemon.pipeline import Source
from smartticket_daemon.policy import CategoryPolicy, Policy
from smartticket_daemon.polling import poll
from smartticket_daemon.ports import LEDGER_WORDS
from smartticket_daemon.replies import Replies
from smartticket_daemon.testing import InMemoryConnector, InMemoryRemote, InMemorySettings

CATEGORIES = ("billing", "technical_issue", "refund_cancellation")
THRESHOLD = 0.8
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
REPLIES = Replies([Path(str(files("smartticket_config") / "replies"))])
UNSURE = "category__unsure"


class WordClassifier:
    """Takes a category and a confidence from the subject, as `billing 0.9`."""

    categories = CATEGORIES
    digest = "0" * 64

    def predict_many(self, pairs: Sequence[tuple[str, str]]) -> list[Prediction]:
        return [self._predict(subject) for subject, _ in pairs]

    def _predict(self, subject: str) -> Prediction:
        if subject == "poison":
            raise ZeroDivisionError("a customer's words")
        label, _, number = subject.partition(" ")
        label = label if label in CATEGORIES else CATEGORIES[0]
        confidence = float(number or 0.9)
        rest = (1 - confidence) / (len(CATEGORIES) - 1)
        probabilities = {name: confidence if name == label else rest for name in CATEGORIES}
        thresholds = dict.fromkeys(CATEGORIES[:2], THRESHOLD)
        return Prediction(label, confidence, probabilities, thresholds, "en", self.digest, not subject)

    def explain(self, subject: str, body: str, label: str | None = None) -> Sequence[tuple[str, float]]:
        return ()


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


class BalancedJournal:
    """The real journal, whose ledger is checked after every single call."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)

        def checked(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if name != "close":
                assert_balanced(self._journal.ledger())
            return result

        return checked


def assert_balanced(ledger: dict[str, dict[str, int]]) -> None:
    """`seen` is the sum of all the others."""
    for counts in ledger.values():
        assert counts["seen"] == sum(counts[word] for word in LEDGER_WORDS[1:]), counts


def policy(mode: Mode = Mode.SUGGEST, unsure_tag: str = UNSURE) -> Policy:
    """The first category has a route."""
    routes = {"billing": "Billing"}
    return Policy(
        mode, {name: CategoryPolicy(f"category__{name}", routes.get(name)) for name in CATEGORIES}, unsure_tag
    )


class Desk:
    """One source `support` over everything."""

    def __init__(self, folder: Path, start: Any = "all", **rules: Any) -> None:
        self.folder = folder
        self.clock = Clock()
        self.remote = InMemoryRemote(clock=self.clock)
        self.settings = InMemorySettings(kind="memory", remote=self.remote, start=start)
        self.rules = {"triage_replies": False, "max_age": None, "start": None, **rules}
        self.journal = self.open("state")
        self.classifier: Any = WordClassifier()

    def open(self, name: str) -> Any:
        """A journal; another name stands for a lost one."""
        return BalancedJournal(open_journal(self.folder / name))

    def source(
        self,
        mode: Mode = Mode.SUGGEST,
        *,
        unsure_tag: str = UNSURE,
        max_attempts: int = 5,
        stopping: Callable[[], bool] = lambda: False,
        connector: Any = None,
    ) -> Source:
        plan = policy(mode, unsure_tag)

        def rules(now: datetime) -> FilterRules:
            own = frozenset({"support@our.example"})
            return FilterRules(now=now, category_tags=plan.category_tags, own_addresses=own, **self.rules)

        return Source(
            name="support",
            connector=connector or InMemoryConnector("support", self.settings),
            journal=self.journal,
            judge=Judge(lambda: self.classifier, plan, REPLIES, rules),
            backoff=Backoff(timedelta(seconds=30), max_attempts, random=lambda: 1.0),
            clock=self.clock,
            stopping=stopping,
        )

    def ledger(self) -> dict[str, int]:
        """Counts of the source that are not zero."""
        return {word: n for word, n in self.journal.ledger().get("support", {}).items() if n}

    def reasons(self) -> dict[str, int]:
        return dict(self.journal.reasons().get("support", {}))

    def notes(self, ticket: str) -> int:
        return len(self.remote.look(ticket).notes)

    def tags(self, ticket: str) -> set[str]:
        return set(self.remote.look(ticket).tags)


def settle(desk: Desk, rounds: int = 12) -> None:
    """Poll until nothing waits, moving the clock past every back-off and lease."""
    for _ in range(rounds):
        poll(desk.source())
        desk.clock.forward(hours=2)
