"""What people made of our decisions, week by week: for `status`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from smartticket_daemon.cli.common import print_table

if TYPE_CHECKING:
    from smartticket_daemon.ports import Journal, Week

KEPT = timedelta(weeks=52)
SHOWN = timedelta(weeks=3)
"""The table shows the weeks in which these and the present moment lie."""


def feedback_of(journal: Journal, now: datetime) -> dict[str, Any]:
    """Figures of a year by ISO week, and by week and category; `accuracy` is None where nobody decided.

    `accuracy` is confirmed / (confirmed + corrected), `confidence` the mean of what the model thought of the
    same decisions: calibrated, the two are equal. `coverage` is applied / (applied + abstained).
    """
    weeks = journal.weeks(now - KEPT)
    totals = [_sum(name, [w for w in weeks if w.week == name]) for name in sorted({w.week for w in weeks})]
    return {
        "weeks": [{key: value for key, value in _figures(w).items() if key != "category"} for w in totals],
        "categories": [_figures(week) for week in weeks],
    }


def _sum(name: str, weeks: Iterable[Week]) -> Week:
    from smartticket_daemon.ports import Week

    rows = [asdict(week) for week in weeks]
    counted = [key for key in rows[0] if key not in ("week", "category")]
    return Week(name, "", **{key: sum(row[key] for row in rows) for key in counted})


def _figures(week: Week) -> dict[str, Any]:
    told = asdict(week)
    weighed, confidence = told.pop("weighed"), told.pop("confidence")
    return told | {
        "accuracy": _share(week.confirmed, week.confirmed + week.corrected),
        "confidence": _share(confidence, weighed),
        "coverage": _share(week.applied, week.applied + week.abstained),
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def print_feedback(feedback: dict[str, Any], now: datetime) -> None:
    """The last four weeks; nothing where nothing was triaged in them."""
    oldest = "{}-W{:02}".format(*(now - SHOWN).isocalendar()[:2])
    rows = [_cells(week) for week in feedback["weeks"] if week["week"] >= oldest]
    if rows:
        counts = ("applied", "coverage", "confirmed", "corrected", "rejected", "labelled")
        print_table("What people made of it", ["week", *counts, "right", "confidence"], rows)


def _cells(week: dict[str, Any]) -> list[str]:
    return [
        week["week"],
        str(week["applied"]),
        _percent(week["coverage"]),
        *(str(week[key]) for key in ("confirmed", "corrected", "rejected", "labelled")),
        _percent(week["accuracy"]),
        _percent(week["confidence"]),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
