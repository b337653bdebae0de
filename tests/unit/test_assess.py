"""An assessment: judged as if new, compared with people, written nowhere, shown to people as text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.backfilling import Estimate
from smartticket_daemon.cli.assess_view import UNKNOWN, UNSEEN, Report, page_of, write_page
from smartticket_daemon.cli.common import printable
from smartticket_daemon.domain import Mode, Status
from smartticket_daemon.errors import ConfigurationError, RateLimited
from smartticket_daemon.history.assessing import Assessment, Costs, Wrong, assess, costs, wilson
from smartticket_daemon.history.labels import Labels, Place
from smartticket_daemon.polling import poll
from tests.desk import START, Desk, policy
from tests.hostile import ATTACKS
from tests.unit.walks import backlog

TAGS = Labels(Place.TAG, "category__", policy())


def run(desk: Desk, last: int = 1000, labels: Labels = TAGS, since: datetime | None = None) -> Assessment:
    waits: list[Any] = []
    *_, found = assess(desk.source(), labels, since, last, lambda *wait: waits.append(wait))
    return found


def filed(desk: Desk, count: int, subject: str, tag: str, status: Status = Status.SOLVED) -> None:
    for name in backlog(desk, count, subject):
        desk.remote.agent_tags(name, tag)
        desk.remote.agent_answers(name)
        desk.remote.agent_closes(name, status)


def test_what_it_would_have_done_beside_what_agents_did(late: Desk) -> None:
    filed(late, 8, "billing", "category__billing")
    filed(late, 1, "billing", "category__technical_issue")
    filed(late, 2, "technical_issue", "category__technical_issue", Status.OPEN)
    filed(late, 3, "technical_issue", "category__hardware")
    filed(late, 4, "billing 0.5", "category__billing", Status.OPEN)
    filed(late, 1, "refund_cancellation", "vip")
    backlog(late, 5, "billing", headers=(("list-id", "<news>"),))
    found = run(late)
    assert found.tickets == 24
    billing, technical = found.per_category["billing"], found.per_category["technical_issue"]
    assert (billing.applied, billing.compared, billing.right) == (9, 9, 8)
    assert (technical.applied, technical.compared, technical.right) == (5, 2, 2)
    assert technical.share == 1.0
    assert (found.overall.applied, found.overall.compared, found.overall.right) == (14, 11, 10)
    assert found.abstained == {"below_threshold": 4, "no_threshold": 1}
    assert found.skipped == {"list": 5}
    assert found.uncompared == {"unknown_label": 3}
    assert found.foreign == {"hardware": 3}
    assert found.waiting == 6
    assert [(w.ours, w.theirs, w.confidence) for w in found.wrong] == [("billing", "technical_issue", 0.9)]
    assert found.newest == START - timedelta(hours=1)


def test_groups_stand_for_the_categories_that_are_routed_there(late: Desk) -> None:
    right, wrong, unknown = backlog(late, 3)
    late.remote.agent_routes(right, "Billing")
    late.remote.agent_routes(wrong, "Technical issue")
    late.remote.agent_routes(unknown, "Tier 2")
    found = run(late, labels=Labels(Place.GROUP, "", policy()))
    assert (found.overall.compared, found.overall.right) == (2, 1)
    assert found.foreign == {"Tier 2": 1}


def test_what_we_set_ourselves_proves_nothing(desk: Desk) -> None:
    backlog(desk, 3)
    poll(desk.source())
    found = run(desk)
    assert (found.overall.applied, found.overall.compared) == (3, 0)
    assert found.uncompared == {"our_own_label": 3}


@pytest.mark.parametrize("last", [1, 3, 4, 9])
def test_the_newest_so_many_are_looked_at(late: Desk, last: int) -> None:
    backlog(late, 5)
    found = run(late, last)
    assert found.tickets == min(last, 5)
    assert found.newest == START - timedelta(hours=1)
    assert run(late, last, since=START - timedelta(hours=2)).tickets == min(last, 2)


def test_nothing_is_written_anywhere(late: Desk) -> None:
    filed(late, 5, "billing", "category__billing")
    before = {name: late.remote.look(name) for name in late.remote.tickets}
    late.remote.fail("past", RateLimited("slow down", retry_after=3))
    found = run(late)
    costs(late.source(), found, None)
    assert set(late.remote.calls) == {"past", "extent"}
    assert {name: late.remote.look(name) for name in late.remote.tickets} == before
    assert late.journal.ledger() == {}


def test_no_ticket_at_all(late: Desk) -> None:
    found = run(late)
    assert (found.tickets, found.overall.share, found.overall.interval) == (0, None, None)
    assert "No ticket was found" in page_of(report(found))


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (1, 2, 0.0945, 0.9055)],
)
def test_the_interval(right: int, of: int, low: float, high: float) -> None:
    interval = wilson(right, of)
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_costs_are_those_of_the_tickets_that_would_be_triaged(late: Desk) -> None:
    """Four calls for each such ticket, and one for two tickets read."""
    filed(late, 4, "billing", "category__billing")
    filed(late, 4, "billing", "category__billing", Status.OPEN)
    backlog(late, 2, headers=(("list-id", "<news>"),))
    expected = costs(late.source(Mode.OBSERVE), run(late), None)
    assert expected == Costs(Mode.SUGGEST, Estimate(10, 37, None), Estimate(10, 21, None))
    late.clock.forward(days=40)
    assert costs(late.source(Mode.TAG), run(late), None).month == Estimate(0, 0, None)


# The page


def report(found: Assessment, **fields: Any) -> Report:
    nothing = Costs(Mode.SUGGEST, Estimate(None, None, None), Estimate(1, 2, 3))
    whole = Report(found, nothing, "support", "memory", "tag category__*", "", "0" * 64, 0.9, True)
    return replace(whole, **fields)


class Elements(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_a_customer_or_an_agent_wrote_is_text(late: Desk) -> None:
    backlog(late, 1)
    calm = Elements(page_of(report(with_texts(run(late), ["Subject"] * len(ATTACKS)))))
    wild = Elements(page_of(report(with_texts(run(late), [*ATTACKS]))))
    assert wild.found == calm.found
    for attack in ATTACKS:
        assert printable(" ".join(attack.split()))[:20] in wild.text
    assert not set("\u202e\u2066\x07\x1b") & set(wild.text)


def with_texts(found: Assessment, texts: list[str]) -> Assessment:
    found.wrong = [Wrong(text, text, "billing", "technical_issue", 0.9) for text in texts]
    found.foreign = Counter({f"{text}{n}": 1 for n, text in enumerate(texts[:10])})
    return replace(found, uncompared=Counter(unknown_label=1))


def test_subjects_are_cut(late: Desk) -> None:
    shown = report(with_texts(run(late), ["  long   " * 50, "a\u202egnp.exe"])).wrong
    assert [wrong["subject"] for wrong in shown] == [("long " * 12), "a gnp.exe"]


def test_the_page_needs_nothing_from_elsewhere(late: Desk) -> None:
    filed(late, 9, "billing", "category__billing")
    page = page_of(report(run(late)))
    assert not re.search(r"<(script|link|img|iframe|a)\b|url\(|https?:|@import|\son\w+=", page)
    assert "default-src 'none'" in page
    assert "9 of 9" in re.sub(r"<[^>]+>", "", page)


def test_the_page_says_whether_the_figures_may_be_too_good(late: Desk) -> None:
    found = run(late)
    assert report(found).note == UNSEEN
    assert report(found, shipped=False).note == UNKNOWN


@pytest.mark.parametrize(
    ("right", "target", "words"),
    [(95, 0.8, "above the target of 80.0 %"), (50, 0.8, "below the target"), (82, 0.8, "cannot be told")],
)
def test_the_target_is_met_beyond_chance_or_not(late: Desk, right: int, target: float, words: str) -> None:
    filed(late, 1, "billing", "category__billing")
    found = run(late)
    own = found.per_category["billing"]
    own.applied = own.compared = 100
    own.right = right
    assert words in report(found, target=target).verdict


def test_the_page_is_for_our_own_user_and_replaces_the_one_before(late: Desk, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    write_page(file, report(run(late)))
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(ConfigurationError, match="cannot write"):
        write_page(tmp_path / "missing" / "report.html", report(run(late)))
