"""Accuracy, coverage and calibration by week, as `status` shows them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartticket_daemon.cli.feedback_view import feedback_of, print_feedback
from smartticket_daemon.feedback import Looking, look_again
from tests.agents import retag, triaged
from tests.desk import Desk


@pytest.fixture
def judged(desk: Desk) -> Desk:
    """One week of applied (3 confirmed, 1 corrected, 1 rejected, 1 untouched) and abstained (1 labelled)."""
    tickets = triaged(desk, *["technical_issue 0.9"] * 6, *["billing 0.1"] * 2)
    for ticket in tickets[:3]:
        desk.remote.agent_closes(ticket)
    retag(desk, tickets[3], "billing")
    retag(desk, tickets[4])
    retag(desk, tickets[6], "billing")
    look_again(desk.source(), Looking())
    return desk


def test_figures_by_week_and_category(judged: Desk) -> None:
    told = feedback_of(judged.journal, judged.clock())
    (week,) = told["weeks"]
    counts = {"applied": 6, "abstained": 2, "confirmed": 3, "corrected": 1, "rejected": 1, "labelled": 1}
    figures = {"accuracy": 0.75, "confidence": 0.9, "coverage": 0.75}
    assert week == {"week": "2026-W45", **counts, **figures}
    billing, technical = told["categories"]
    assert (billing["category"], billing["coverage"], billing["accuracy"]) == ("billing", 0.0, None)
    assert (technical["category"], technical["coverage"], technical["accuracy"]) == (
        "technical_issue",
        1,
        0.75,
    )


def test_weeks_stand_apart_and_four_are_shown(judged: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    judged.clock.forward(weeks=4)
    triaged(judged, "technical_issue 0.9")
    told = feedback_of(judged.journal, judged.clock())
    assert [week["week"] for week in told["weeks"]] == ["2026-W45", "2026-W49"]
    print_feedback(told, judged.clock())
    shown = capsys.readouterr().out
    assert "2026-W49" in shown
    assert "2026-W45" not in shown
    print_feedback(told, judged.clock() - timedelta(weeks=2))
    assert "75%" in capsys.readouterr().out


def test_nothing_is_shown_where_nothing_happened(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    told = feedback_of(desk.journal, desk.clock())
    assert told == {"weeks": [], "categories": []}
    print_feedback(told, desk.clock())
    assert capsys.readouterr().out == ""
