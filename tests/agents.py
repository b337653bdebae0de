"""What agents do at the small support desk once its tickets are triaged."""

from __future__ import annotations

from smartticket_daemon.runner import run_once
from tests.desk import Desk


def triaged(desk: Desk, *subjects: str) -> list[str]:
    """Tickets that were delivered and triaged, an hour and a second ago."""
    tickets = [desk.remote.deliver(subject, "It broke.") for subject in subjects]
    assert run_once([desk.source()]) == 0
    desk.clock.forward(hours=1, seconds=1)
    return tickets


def retag(desk: Desk, ticket: str, *tags: str) -> None:
    """An agent puts these in place of all tags of ours."""
    there = desk.remote.tickets[ticket].tags
    there.difference_update({tag for tag in there if tag.startswith("category__")})
    desk.remote.agent_tags(ticket, *(f"category__{tag}" for tag in tags))
