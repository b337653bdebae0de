"""A helpdesk's backlog against the double, by its clock: the estimate, the calls, the vendor's limits."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from smartticket_daemon.backfilling import LIMIT, Estimate, Walk
from smartticket_daemon.backoff import Backoff
from smartticket_daemon.domain import Mode
from smartticket_daemon.filters import FilterRules
from smartticket_daemon.journal import open_journal
from smartticket_daemon.judge import Judge
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import DONE
from tests.desk import REPLIES, WordClassifier, policy
from tests.doubles.zendesk_account import Account

pytest_plugins = ["tests.doubles.zendesk_fixtures"]
TAG = "category__technical_issue"


class Backlog:
    """An account with open tickets, and a walk through them by the double's clock."""

    def __init__(self, account: Account, folder: Path, mode: Mode, count: int) -> None:
        self.account, self.hour = account, account.double.hour
        self.numbers = [account.double.create("technical_issue", f"Text {n}") for n in range(count)]
        self.hour.forward(600)
        account.double.pace = 0.05
        account.double.limits["update"].total = 100
        account.double.limits["account"].total = 400
        account.double.calls.clear()
        self.journal = open_journal(folder / "state")
        self.waits: list[str] = []
        self._mode = mode

    def source(self) -> Source:
        plan = policy(self._mode)

        def rules(now: datetime) -> FilterRules:
            return FilterRules(
                own_addresses=frozenset(), triage_replies=False, max_age=None, start=None, now=now
            )

        return Source(
            name="acme",
            connector=self.account.connect("now", batch=100, budget=0.5),
            journal=self.journal,
            judge=Judge(lambda: WordClassifier(), plan, REPLIES, rules),
            backoff=Backoff(),
            clock=self.hour.now,
        )

    def moved(self, walk: Walk) -> None:
        """Nobody watches."""

    def wait(self, until: datetime, reason: str) -> None:
        self.waits.append(reason)
        self.hour.at = max(until, self.hour.at)

    def run(self) -> tuple[Estimate, float]:
        """The estimate, and the minutes that it took."""
        walk = Walk(self.source())
        with closing(walk.source.connector):
            estimate, begun = walk.estimate(), self.hour.at
            assert walk.run(self) == DONE
        return estimate, (self.hour.at - begun).total_seconds() / 60


def test_notes_take_about_the_estimated_calls_and_time(account: Account, tmp_path: Path) -> None:
    backlog = Backlog(account, tmp_path, Mode.SUGGEST, 150)
    estimate, minutes = backlog.run()
    assert estimate.tickets == 150
    assert estimate.calls == pytest.approx(account.double.calls.total(), rel=0.1)
    assert estimate.minutes == pytest.approx(minutes, abs=1)
    assert set(backlog.waits) == {LIMIT}
    assert [len(account.double.notes(number)) for number in backlog.numbers] == [1] * 150
    assert backlog.journal.ledger()["acme"]["applied"] == 150


def test_tags_alone_go_by_jobs(account: Account, tmp_path: Path) -> None:
    backlog = Backlog(account, tmp_path, Mode.TAG, 150)
    estimate, minutes = backlog.run()
    assert [list(account.double.tickets[number].tags) for number in backlog.numbers] == [[TAG]] * 150
    assert account.double.calls["PUT /api/vN/tickets/update_many"] == 2
    assert account.double.calls["GET /api/vN/tickets/N/audits"] == 0
    assert (estimate.minutes, minutes < 1) == (1, True)
    assert estimate.calls == pytest.approx(account.double.calls.total(), abs=10)
    assert backlog.journal.ledger()["acme"]["applied"] == 150
