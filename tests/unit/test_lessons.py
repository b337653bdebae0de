"""What agents taught is read again from the source; what cannot be read is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_daemon.cli.lessons import read_lessons
from smartticket_daemon.domain import Opinion
from smartticket_daemon.errors import AccessDenied, RateLimited
from smartticket_daemon.feedback import Looking, look_again
from smartticket_daemon.testing import InMemoryConnector
from tests.agents import retag, triaged
from tests.desk import Desk


@pytest.fixture
def taught(desk: Desk) -> list[str]:
    """Corrected, labelled, confirmed, rejected, and one that nobody touched."""
    sure, unsure = "technical_issue 0.9", "technical_issue 0.1"
    tickets = triaged(desk, sure, unsure, sure, sure, sure)
    retag(desk, tickets[0], "billing")
    retag(desk, tickets[1], "refund_cancellation")
    desk.remote.agent_closes(tickets[2])
    retag(desk, tickets[3])
    look_again(desk.source(), Looking())
    return tickets


def connectors(desk: Desk) -> dict[str, InMemoryConnector]:
    return {"support": InMemoryConnector("support", desk.settings)}


def test_what_people_chose_and_nothing_else(desk: Desk, taught: list[str]) -> None:
    reading = read_lessons(desk.journal, connectors(desk))
    assert [(x.opinion, x.ours, x.label) for x in reading.lessons] == [
        (Opinion.CORRECTED, "technical_issue", "billing"),
        (Opinion.LABELLED, "technical_issue", "refund_cancellation"),
    ]
    first = reading.lessons[0]
    assert (first.subject, first.body) == ("technical_issue 0.9", "It broke.")
    assert [record.ref.ticket for record in desk.journal.find(first.key)] == [taught[0]]
    assert not reading.missing


def test_confirmations_where_asked_for(desk: Desk, taught: list[str]) -> None:
    reading = read_lessons(desk.journal, connectors(desk), confirmations=True)
    assert [x.label for x in reading.lessons if x.opinion is Opinion.CONFIRMED] == ["technical_issue"]
    assert len(reading.lessons) == 3


def test_gone_tickets_and_sources_are_counted(desk: Desk, taught: list[str]) -> None:
    desk.remote.delete(taught[0])
    reading = read_lessons(desk.journal, connectors(desk))
    assert (len(reading.lessons), dict(reading.missing)) == (1, {"ticket gone": 1})
    assert dict(read_lessons(desk.journal, {}).missing) == {"source not in the settings": 2}


def test_senders_are_told_apart_and_not_told(desk: Desk, taught: list[str]) -> None:
    one, two = read_lessons(desk.journal, connectors(desk)).lessons
    assert one.sender == two.sender
    assert "ann" not in one.sender


def test_a_limit_is_waited_for(desk: Desk, taught: list[str]) -> None:
    waits: list[float] = []
    desk.remote.fail("read", RateLimited("slow down", 7.0))
    desk.remote.fail("read", RateLimited("slow down"))
    reading = read_lessons(desk.journal, connectors(desk), wait=waits.append)
    assert (len(reading.lessons), sorted(waits)) == (2, [7.0, 60.0])


def test_other_trouble_is_raised(desk: Desk, taught: list[str], tmp_path: Path) -> None:
    desk.remote.fail("read", AccessDenied("no right to read"))
    with pytest.raises(AccessDenied):
        read_lessons(desk.journal, connectors(desk))
