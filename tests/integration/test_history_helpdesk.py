"""A helpdesk's history against the double, by its clock: the estimate, the calls, the account's budget."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from smartticket_daemon.backfilling import LIMIT
from smartticket_daemon.domain import Mode
from smartticket_daemon.history.labels import Labels, Place
from smartticket_daemon.history.pulling import Pull
from smartticket_daemon.history.training_file import TrainingFile
from tests.desk import policy
from tests.doubles.zendesk_account import Account
from tests.integration.test_backfill_helpdesk import Backlog

pytest_plugins = ["tests.doubles.zendesk_fixtures"]
TICKETS = 150


def test_pages_are_read_at_the_accounts_budget(account: Account, tmp_path: Path) -> None:
    """Thirty pages at half of twenty calls a minute."""
    double, hour = account.double, account.double.hour
    backlog = Backlog(account, tmp_path, Mode.SUGGEST, TICKETS)
    for number in backlog.numbers:
        reason = [{"id": 7001, "value": "reason_card"}]
        double.change(number, status="closed", extra={"custom_fields": reason})
    double.limits["account"].total = 20
    source = replace(backlog.source(), connector=account.connect("now", batch=5, budget=0.5))
    file = TrainingFile(tmp_path / "t.jsonl")
    job = Pull(source, Labels(Place.FIELD, "Reason", policy()), file, None, None)
    waits: list[str] = []

    def wait(until: datetime, reason: str) -> None:
        waits.append(reason)
        hour.at = max(until, hour.at)

    begun = hour.at
    with closing(source.connector), file.opened(job.wanted) as job.reached:
        estimate = job.estimate()
        job.run(lambda _: None, wait)
    minutes = (hour.at - begun).total_seconds() / 60
    assert (job.reached.written, job.reached.left_out) == (TICKETS, {})
    assert '"label": "Card declined"' in (tmp_path / "t.jsonl").read_text("utf-8")
    assert set(waits) == {LIMIT}
    assert double.calls["429"] == 0
    assert estimate.tickets == TICKETS
    assert estimate.calls == pytest.approx(double.calls.total(), abs=4)
    assert estimate.minutes == pytest.approx(minutes, abs=1)
    assert 2 <= minutes <= 4
    assert double.writes == []
