"""Small campaigns on helpdesks: deaths, lost answers, races; and that their reckoning sees."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import helpdesk_races
from bench.crash import campaign
from bench.crash_helpdesks import DeskRun
from bench.crash_life import World
from bench.crash_points import Fate, points
from bench.helpdesk_doubles import Freshdesk, Zendesk
from bench.helpdesk_people import ACTS
from bench.helpdesks import Helpdesk

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
"""The forked child starts its threads anew and ends without returning to pytest."""

DESKS = {"zendesk": Zendesk, "freshdesk": Freshdesk}
BILLS = [("Charged twice", "My card was charged twice for the same invoice, please check."), ("Hi", "?")]


@pytest.fixture(scope="module")
def world() -> World:
    return World(1)


@pytest.mark.parametrize("kind", DESKS)
def test_killed_at_any_point_nothing_is_lost_and_nothing_done_twice(world: World, kind: str) -> None:
    passed, wrong = campaign(10, 21, world, DESKS[kind])
    assert wrong == []
    assert len(set(passed) & set(points(kind))) >= 8


@pytest.mark.parametrize("kind", DESKS)
def test_lost_answers_cost_a_look_each_and_change_nothing(world: World, kind: str) -> None:
    passed, wrong = campaign(2, 22, world, DESKS[kind], answers=True)
    assert wrong == []
    assert passed["(answers lost)"] >= 5


@pytest.mark.parametrize("kind", DESKS)
def test_an_agent_between_reading_and_writing_wins(world: World, kind: str) -> None:
    passed, wrong = helpdesk_races.campaign(40, 23, world, DESKS[kind])
    assert wrong == []
    assert {what.partition(" ")[0] for what in passed if not what.startswith("(")} == set(ACTS)


@pytest.fixture(params=DESKS)
def run(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[DeskRun]:
    """A finished run that nobody disturbed."""
    place = DESKS[request.param](tmp_path)
    run = DeskRun(world, place, tmp_path, random.Random(1))
    for subject, body in BILLS:
        run.people.see(place.arrive(subject, body, "customer"), "customer")
    place.wait(200)
    while run.live(Fate()):
        pass
    run.reckon(place.view())
    assert run.wrong == []
    yield run
    place.shut()


def noted(desk: Helpdesk) -> str:
    """A ticket that has our note."""
    return next(name for name in desk.names if desk.shown(name).notes)


def write_a_second_note(run: DeskRun) -> None:
    if isinstance(run.place, Zendesk):
        record = run.place.server.tickets[int(noted(run.place))]
        record.audits.append(record.audits[-1])
    else:
        said = run.place.server.account.ticket(noted(run.place)).conversations  # type: ignore[attr-defined]
        said.append(said[-1])


def lose_a_note(run: DeskRun) -> None:
    if isinstance(run.place, Zendesk):
        run.place.server.tickets[int(noted(run.place))].audits.pop()
    else:
        run.place.server.account.ticket(noted(run.place)).conversations.pop()  # type: ignore[attr-defined]


def publish_a_note(run: DeskRun) -> None:
    if isinstance(run.place, Zendesk):
        run.place.server.notes(int(noted(run.place)))[0]["public"] = True
    else:
        said = run.place.server.account.ticket(noted(run.place)).conversations  # type: ignore[attr-defined]
        said[0].private = False


def lose_a_ticket(run: DeskRun) -> None:
    run.people.see(run.place.arrive("Where is my parcel?", "It is late.", "customer"), "customer")


def leave_out_a_tag(run: DeskRun) -> None:
    run.place.set_tags(noted(run.place), [])


def leave_out_a_group(run: DeskRun) -> None:
    run.place.route(next(n for n in run.place.names if run.place.shown(n).group == "Billing"), "")


def overwrite_a_persons_tag(run: DeskRun) -> None:
    run.people.wishes[noted(run.place)].tags.add("vip")


def overwrite_a_persons_group(run: DeskRun) -> None:
    run.people.wishes[noted(run.place)].group = run.place.elsewhere


def set_a_tag_again(run: DeskRun) -> None:
    name = noted(run.place)
    run.people.wishes[name].gone |= run.place.shown(name).tags


def close_a_ticket(run: DeskRun) -> None:
    run.place.close(noted(run.place))


def look_too_often(run: DeskRun) -> None:
    run.place.watch.lost[noted(run.place)] = 1
    run.place.watch.looks[noted(run.place)] += 9


@pytest.mark.parametrize(
    "damage",
    [
        write_a_second_note,
        lose_a_note,
        publish_a_note,
        lose_a_ticket,
        leave_out_a_tag,
        leave_out_a_group,
        overwrite_a_persons_tag,
        overwrite_a_persons_group,
        set_a_tag_again,
        close_a_ticket,
        look_too_often,
    ],
)
def test_the_reckoning_sees(run: DeskRun, damage: Callable[[DeskRun], None]) -> None:
    damage(run)
    run.reckon(run.place.view())
    assert run.wrong
