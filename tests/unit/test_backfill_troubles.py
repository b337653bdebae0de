"""A walk through the past that dies, is stopped or meets trouble goes on where it was."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from smartticket_daemon.backfilling import LATER, LIMIT, Walk, first_poll
from smartticket_daemon.domain import Mode
from smartticket_daemon.errors import RateLimited, TransientError, Unreachable
from smartticket_daemon.polling import DONE, WAITS
from smartticket_daemon.ports import Health
from tests.desk import CATEGORIES, START, UNSURE, Desk
from tests.unit.test_pipeline_restart import Dies, Mortal
from tests.unit.walks import Impatient, Patient, backlog, run

# Crashes, stops, troubles


@pytest.mark.parametrize("method", ["record_past", "claim", "complete", "set_health"])
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_dying_at_any_commit_loses_and_repeats_nothing(
    late: Desk, method: str, call: int, after: bool
) -> None:
    names = backlog(late, 5)
    with pytest.raises(Dies):
        Walk(replace(late.source(), journal=Mortal(late.journal, method, call, after))).run(Patient(late))
    late.clock.forward(minutes=10)
    assert run(late) == DONE
    assert late.ledger() == {"seen": 5, "applied": 5}
    assert [late.notes(name) for name in names] == [1] * 5


@pytest.mark.parametrize("step", ["past", "tags", "route", "note", "applied"])
@pytest.mark.parametrize("after", [False, True])
def test_dying_at_any_call_loses_and_repeats_nothing(late: Desk, step: str, after: bool) -> None:
    names = backlog(late, 5)
    late.remote.fail(step, Dies(), after=after)  # type: ignore[arg-type]
    with pytest.raises(Dies):
        run(late)
    late.clock.forward(minutes=10)
    assert run(late) == DONE
    assert late.ledger() == {"seen": 5, "applied": 5}
    assert [late.notes(name) for name in names] == [1] * 5


def test_what_a_dead_run_was_sending_is_waited_for(late: Desk) -> None:
    backlog(late, 2)
    with pytest.raises(Dies):
        Walk(replace(late.source(), journal=Mortal(late.journal, "complete"))).run(Patient(late))
    walk, watcher = Walk(late.source()), Patient(late)
    assert walk.run(watcher) == DONE
    assert {reason for _, reason in watcher.waits} == {LATER}
    assert late.clock() - START >= timedelta(seconds=120)


def test_a_stop_ends_it_and_the_next_run_goes_on(late: Desk) -> None:
    names = backlog(late, 7)
    asked = iter([False] * 6 + [True] * 99)
    assert run(late, stopping=lambda: next(asked)) == WAITS
    done = late.ledger()["applied"]
    assert 0 < done < 7
    assert run(late) == DONE
    assert [late.notes(name) for name in names] == [1] * 7


@pytest.mark.parametrize("step", ["past", "tags"])
def test_a_limit_of_the_account_is_waited_for(late: Desk, step: str) -> None:
    names = backlog(late, 5)
    watcher = Patient(late)
    late.journal.set_health("support", replace(late.journal.health("support"), last_success=START))
    late.remote.fail(step, RateLimited("slow down", retry_after=90))
    assert Walk(late.source()).run(watcher) == DONE
    assert watcher.waits[0] == (START + timedelta(seconds=90), LIMIT)
    assert [late.notes(name) for name in names] == [1] * 5


def test_a_wait_outlives_the_process(late: Desk) -> None:
    names = backlog(late, 2)
    late.remote.fail("tags", RateLimited("slow down", retry_after=90))
    first, second = Impatient(late), Patient(late)
    assert Walk(late.source(stopping=lambda: first.stopped)).run(first) == WAITS
    late.clock.forward(seconds=30)
    assert Walk(late.source()).run(second) == DONE
    assert first.waits == second.waits[:1] == [(START + timedelta(seconds=90), LIMIT)]
    assert [late.notes(name) for name in names] == [1] * 2


def test_nothing_is_asked_while_the_account_wants_to_be_left_alone(late: Desk) -> None:
    backlog(late, 2)
    until = START + timedelta(seconds=90)
    late.journal.set_health("support", Health(not_before=until))
    walk, watcher = Walk(late.source()), Patient(late)
    assert walk.source.held_until == until
    assert walk.rehearse(watcher) == DONE
    assert watcher.waits == [(until, LIMIT)]
    assert walk.source.held_until is None
    assert set(late.remote.calls) == {"past"}


def test_the_first_poll_too_waits_while_the_account_wants_to_be_left_alone(late: Desk) -> None:
    until = START + timedelta(seconds=90)
    late.journal.set_health("support", Health(not_before=until))
    watcher = Patient(late)
    first_poll(late.source(), watcher)
    assert watcher.waits == [(until, LIMIT)]
    assert late.clock() >= until
    assert late.journal.cursor("support") is not None


def test_one_message_in_trouble_is_tried_again_and_holds_nobody_up(late: Desk) -> None:
    names = backlog(late, 5)
    late.remote.fail("tags", TransientError("locked"), times=2)
    watcher = Patient(late)
    assert Walk(late.source()).run(watcher) == DONE
    assert {reason for _, reason in watcher.waits} == {LATER}
    assert [late.notes(name) for name in names] == [1] * 5


def test_a_source_that_stumbles_is_tried_again_and_one_that_is_gone_ends_it(late: Desk) -> None:
    names = backlog(late, 5)
    late.remote.fail("past", Unreachable("no route"), times=3)
    watcher = Patient(late)
    assert Walk(late.source()).run(watcher) == DONE
    assert [reason for _, reason in watcher.waits] == ["no route"] * 3
    assert [late.notes(name) for name in names] == [1] * 5
    walk = Walk(late.source())
    walk.restart()
    late.remote.fail("past", Unreachable("no route"), times=99)
    assert walk.run(Patient(late)) == Unreachable.exit_code
    assert late.journal.health("support").failures == 5


def test_a_cursor_that_means_nothing_any_more_begins_anew(late: Desk) -> None:
    names = backlog(late, 7)
    run(late, limit=4)
    late.remote.expire()
    assert run(late) == DONE
    assert late.ledger() == {"seen": 7, "applied": 7}
    assert [late.notes(name) for name in names] == [1] * 7


class Frail:
    """Passes everything on, and dies at the n-th call of any method, before or after it took effect."""

    def __init__(self, inner: Any, calls: int, after: bool) -> None:
        self._inner, self._left, self._after = inner, calls, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def frail(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Dies
            result = method(*args, **kwargs)
            if self._left == 0:
                raise Dies
            return result

        return frail


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("mode", [Mode.SUGGEST, Mode.TAG])
def test_many_deaths_while_people_are_at_work(late: Desk, seed: int, mode: Mode) -> None:
    dice = random.Random(seed)
    names = [name for subject in CATEGORIES for name in backlog(late, 4, subject)]
    closed = set()
    for _ in range(200):
        try:
            journal = Frail(late.journal, dice.randint(1, 40), dice.random() < 0.5)
            code = Walk(replace(late.source(mode), journal=journal)).run(Patient(late))  # type: ignore[arg-type]
        except Dies:
            late.clock.forward(minutes=10)
            name = dice.choice(names)
            closed |= {name} if not late.tags(name) and name not in closed else set()
            if name in closed:
                late.remote.agent_closes(name)
            continue
        break
    assert code == DONE
    ledger = late.ledger()
    assert ledger["seen"] == ledger["applied"] + ledger.get("abstained", 0) + ledger.get("skipped", 0) == 12
    for name in names:
        touched = name not in closed
        assert len(late.tags(name)) == touched
        assert late.notes(name) == (touched and mode is Mode.SUGGEST and UNSURE not in late.tags(name))
