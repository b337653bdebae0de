"""A walk through the past: newest first, each ticket once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.backfilling import LIMIT, Estimate, Walk, first_poll
from smartticket_daemon.domain import Batch, Extent, Mode, Unreadable
from smartticket_daemon.errors import ConfigurationError, RateLimited
from smartticket_daemon.polling import DONE, poll
from tests.desk import START, Desk
from tests.unit.walks import Patient, backlog, run

# What is met, and what becomes of it


def test_a_backlog_is_triaged_newest_first_and_said_to_be_finished(late: Desk) -> None:
    names = backlog(late, 7)
    poll(late.source())
    assert late.ledger() == {}
    walk, watcher = Walk(late.source()), Patient(late)
    assert walk.run(watcher) == DONE
    assert watcher.met == [2, 4, 6, 7, 7]
    assert late.ledger() == {"seen": 7, "applied": 7}
    assert [late.notes(name) for name in names] == [1] * 7
    assert (walk.finished, walk.new, walk.met) == (True, 7, 7)
    again = Walk(late.source())
    assert (again.finished, again.run(watcher), again.met) == (True, DONE, 0)


def test_the_newest_come_first(late: Desk) -> None:
    names = backlog(late, 6)
    assert run(late, limit=2) == DONE
    assert [late.notes(name) for name in names] == [0, 0, 0, 0, 1, 1]


def test_age_is_no_reason_but_all_others_are(tmp_path: Path) -> None:
    desk = Desk(tmp_path, start=START, max_age=timedelta(hours=1))
    desk.rules["start"] = START
    old = START - timedelta(days=400)
    plain = desk.remote.deliver("billing", "Old.", created=old)
    solved, answered, decided, robot = (
        desk.remote.deliver("billing", f"Old {n}.", created=old) for n in range(4)
    )
    desk.remote.agent_closes(solved)
    desk.remote.agent_answers(answered)
    desk.remote.agent_tags(decided, "category__technical_issue")
    desk.remote.delete(robot)
    assert run(desk) == DONE
    assert desk.ledger() == {"seen": 4, "applied": 1, "skipped": 3}
    assert desk.reasons() == {"closed": 1, "answered": 1, "human_decided": 1}
    assert desk.notes(plain) == 1


def test_what_the_journal_knows_is_passed_over(desk: Desk) -> None:
    names = backlog(desk, 5)
    poll(desk.source())
    before = dict(desk.remote.calls)
    walk = Walk(desk.source())
    assert walk.run(Patient(desk)) == DONE
    assert (walk.met, walk.new) == (5, 0)
    assert [desk.notes(name) for name in names] == [1] * 5
    assert desk.remote.calls["note"] == before["note"]


def test_every_first_attempt_looks_before_it_writes(late: Desk) -> None:
    backlog(late, 5)
    poll(late.source())
    assert run(late) == DONE
    assert late.remote.calls["applied"] == late.remote.calls["note"] == 5


def test_a_lost_journal_writes_no_second_note(late: Desk) -> None:
    names = backlog(late, 5)
    run(late)
    late.journal = late.open("another")
    assert run(late) == DONE
    assert late.ledger() == {"seen": 5, "applied": 5}
    assert [late.notes(name) for name in names] == [1] * 5


def test_polls_go_on_apart(late: Desk) -> None:
    old = backlog(late, 3)
    first_poll(late.source(), Patient(late))
    between = late.remote.deliver("billing", "Meanwhile.")
    assert run(late) == DONE
    new = late.remote.deliver("billing", "News.")
    first_poll(late.source(), Patient(late))
    assert poll(late.source()) == DONE
    assert [late.notes(name) for name in (*old, between, new)] == [1] * 5
    assert late.ledger() == {"seen": 5, "applied": 5}


def test_a_source_without_a_past_says_so(desk: Desk) -> None:
    class Forgetful:
        kind = "forgetful"

    with pytest.raises(ConfigurationError, match="support: forgetful cannot read its past"):
        Walk(desk.source(connector=Forgetful()))


# Limits and dates


def test_a_limit_is_kept_within_a_batch_and_the_next_run_goes_on(late: Desk) -> None:
    names = backlog(late, 7)
    ledgers = []
    for _ in range(4):
        assert run(late, limit=3) == DONE
        ledgers.append(late.ledger()["applied"])
    assert ledgers == [3, 6, 7, 7]
    assert [late.notes(name) for name in names] == [1] * 7


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_what_cannot_be_read_counts_towards_a_limit_and_hides_nothing(late: Desk, limit: int) -> None:
    names = backlog(late, 7)
    for _ in range(8):
        source = late.source()
        source.connector.past = with_unreadable(source.connector.past)  # type: ignore[attr-defined]
        walk = Walk(source, limit=limit)
        assert walk.run(Patient(late)) == DONE
        assert limit <= walk.new <= limit + 1 or walk.finished
    assert [late.notes(name) for name in names] == [1] * 7
    assert late.ledger() == {"seen": 11, "applied": 7, "quarantined": 4}


def with_unreadable(past: Callable[..., Iterator[Batch]]) -> Callable[..., Iterator[Batch]]:
    """The same batches, each with one more ticket, which nobody can read."""

    def read(*place: Any) -> Iterator[Batch]:
        for batch in past(*place):
            ref = replace(batch.messages[0].ref, ticket=f"torn {batch.cursor}", message="torn")
            yield replace(batch, unreadable=(Unreadable(ref, "malformed"),))

    return read


def test_since_ends_a_walk_and_an_earlier_date_meets_the_rest(late: Desk) -> None:
    names = backlog(late, 7)
    hours = [START - timedelta(hours=7 - n) for n in range(7)]
    assert run(late, since=hours[4]) == DONE
    assert [late.notes(name) for name in names] == [0, 0, 0, 0, 1, 1, 1]
    assert Walk(late.source(), hours[5]).finished
    assert run(late, since=hours[2]) == DONE
    assert [late.notes(name) for name in names] == [0, 0, 1, 1, 1, 1, 1]
    assert run(late) == DONE
    assert late.ledger() == {"seen": 7, "applied": 7}


def test_what_was_finished_for_an_earlier_date_is_finished_for_a_later_one(late: Desk) -> None:
    backlog(late, 5)
    run(late)
    assert Walk(late.source(), START - timedelta(hours=2)).finished
    assert not Walk(replace(late.source(), name="another")).finished


def test_again_begins_at_the_newest(late: Desk) -> None:
    backlog(late, 5)
    run(late)
    late.remote.deliver("billing", "News.")
    walk = Walk(late.source())
    walk.restart()
    assert not Walk(late.source()).finished
    assert walk.run(Patient(late)) == DONE
    assert (walk.met, walk.new) == (6, 1)
    assert late.ledger() == {"seen": 6, "applied": 6}


# Rehearsals and estimates


def test_a_rehearsal_changes_nothing_at_the_remote(late: Desk) -> None:
    names = backlog(late, 5)
    verdicts: list[Any] = []
    walk = Walk(late.source(), limit=3)
    walk.source = replace(walk.source, watch=verdicts.append)
    late.remote.fail("past", RateLimited("slow down", retry_after=90))
    watcher = Patient(late)
    assert walk.rehearse(watcher) == DONE
    assert watcher.waits == [(START + timedelta(seconds=90), LIMIT)]
    assert [verdict.message.ref.ticket for verdict in verdicts] == names[:1:-1]
    assert {"tags", "route", "note", "bulk"}.isdisjoint(late.remote.calls)


@pytest.mark.parametrize(
    ("extent", "before", "limit", "expected"),
    [
        (Extent(), 0, None, Estimate(None, None, None)),
        (Extent(), 0, 7, Estimate(7, None, None)),
        (Extent(0, 1, 4, 50), 0, None, Estimate(0, 0, 0)),
        (Extent(1000, 10, 3, 50), 0, None, Estimate(1000, 3010, 21)),
        (Extent(1000, 10, 3, 50), 500, None, Estimate(500, 1505, 11)),
        (Extent(1000, 10, 3, 50), 1200, None, Estimate(0, 0, 0)),
        (Extent(1000, 10, 3, 50), 0, 100, Estimate(100, 301, 3)),
        (Extent(1000, 10), 0, None, Estimate(1000, None, None)),
        (Extent(1000, 10, 3), 0, None, Estimate(1000, 3010, None)),
    ],
)
def test_the_estimate(extent: Extent, before: int, limit: int | None, expected: Estimate) -> None:
    assert Estimate.of(extent, extent.each, before, limit) == expected


@pytest.mark.parametrize(
    ("mode", "routes", "calls"),
    [(Mode.SUGGEST, "", 45), (Mode.TAG, "Billing", 45), (Mode.TAG, "", 6), (Mode.OBSERVE, "", 5)],
)
def test_the_estimate_knows_what_the_mode_costs(late: Desk, mode: Mode, routes: str, calls: int) -> None:
    backlog(late, 10)
    source = replace(late.source(mode), routes=frozenset(routes.split()))
    assert Walk(source).estimate().calls == calls


def test_the_estimate_asks_the_source_and_knows_what_was_met(late: Desk) -> None:
    backlog(late, 10)
    run(late, limit=4)
    assert Walk(late.source()).estimate() == Estimate(6, 27, None)
    assert Walk(late.source(), START - timedelta(hours=2)).estimate().tickets == 0
