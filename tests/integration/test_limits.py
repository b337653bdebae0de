"""The vendors' limits under trouble, in small: what must never happen. How fast it goes the benches tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.helpdesk_hour import World, avoidable_of, naive, ours
from bench.helpdesk_storm import SLACK, weather


@pytest.mark.parametrize("service", ["zendesk", "freshdesk"])
def test_minutes_of_trouble_lose_and_double_nothing(service: str, tmp_path: Path) -> None:
    world = World.make(service, minutes=3, faults=0.2, seed=2, updates=20)
    with world.shop.double:
        figures = ours(world, tmp_path, 1.0)
    assert world.shop.trouble.struck.total() > 20
    assert (figures.lost, figures.doubled, figures.early, figures.wrong) == (0, 0, 0, [])
    assert avoidable_of(figures, announced=service == "zendesk") == 0
    assert figures.counted / figures.tickets <= world.shop.writes_goal + 0.05


def test_the_naive_client_beside_it_runs_into_limits_and_calls_while_told_to_wait() -> None:
    """Or the counts above could not fail."""
    world = World.make("zendesk", minutes=3, faults=0.2, seed=2, updates=20)
    with world.shop.double:
        figures = naive(world)
    assert figures.early
    assert figures.limited.total()


@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0])
def test_storms_are_sat_out_and_the_budget_is_kept(budget: float) -> None:
    result = weather(budget, calls=700, seed=3)
    assert result.storms
    assert (result.early, result.over) == (0, 0)
    assert all(part <= SLACK for part in result.fullest.values()), result.fullest
    assert result.fullest["tickets-update"] >= 0.98
