"""A small campaign of bench/crash.py: a daemon killed at every named point, people at work in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest

from bench.crash import campaign
from bench.crash_life import World, fates_for
from bench.crash_mailboxes import Maildir
from bench.crash_points import Fate, points
from bench.crash_run import Run

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
"""The forked child starts its threads anew and ends without returning to pytest."""


def open_maildir(folder: Path) -> Maildir:
    return Maildir(folder / "mail")


@pytest.fixture(scope="module")
def world() -> World:
    return World(1)


def test_killed_at_every_point_nothing_is_lost_and_nothing_done_twice(world: World) -> None:
    passed, wrong = campaign(2 * len(points("folder")), 11, world, open_maildir)
    assert wrong == []
    assert len(set(passed) & set(points("folder"))) >= 20


def test_lost_answers_change_nothing(world: World) -> None:
    passed, wrong = campaign(20, 12, world, open_maildir, answers=True)
    assert wrong == []
    assert passed.total() >= 10


def test_two_daemons_on_one_state_directory_change_nothing(world: World) -> None:
    passed, wrong = campaign(8, 13, world, open_maildir, daemons=2)
    assert wrong == []
    assert passed.total() >= 5


def finished(world: World, folder: Path, seed: int = 0) -> Run:
    run = Run(world, open_maildir(folder), folder, random.Random(seed))
    run.arrive(12)
    while run.live(Fate()):
        pass
    return run


def lose_a_message(run: Run, folder: Path) -> None:
    next((folder / "mail").glob("**/new/*")).unlink()


def write_a_second_draft(run: Run, folder: Path) -> None:
    draft = next((folder / "mail" / ".Drafts" / "cur").iterdir())
    draft.with_name("another:2,D").write_bytes(draft.read_bytes())


def lose_a_draft(run: Run, folder: Path) -> None:
    next((folder / "mail" / ".Drafts" / "cur").iterdir()).unlink()


def set_a_second_tag(run: Run, folder: Path) -> None:
    draft = next((folder / "mail" / ".Drafts" / "cur").iterdir())
    answered = message_from_bytes(draft.read_bytes())["In-Reply-To"]
    (number,) = (n for n, m in run.mails.items() if message_from_bytes(m.raw)["Message-ID"] == answered)
    run.mailbox.retag(number, "category__that_no_model_gives")


def overrule_a_person(run: Run, folder: Path) -> None:
    number = next(n for n, m in run.mails.items() if m.fate == "eligible")
    run.acts[number] = ("retag", "category__of_theirs")


def count_a_message_twice(run: Run, folder: Path) -> None:
    run.deliveries[next(iter(run.mails))] += 1


@pytest.mark.parametrize(
    "damage",
    [
        lose_a_message,
        write_a_second_draft,
        lose_a_draft,
        set_a_second_tag,
        overrule_a_person,
        count_a_message_twice,
    ],
)
def test_the_reckoning_sees(world: World, tmp_path: Path, damage: Callable[[Run, Path], None]) -> None:
    run = finished(world, tmp_path)
    run.reckon(run.mailbox.view())
    assert run.wrong == []
    damage(run, tmp_path)
    run.reckon(run.mailbox.view())
    assert run.wrong


def test_the_fates_of_a_seed_are_always_the_same() -> None:
    once, again = (fates_for(5, "folder", random.Random(3), answers=False) for _ in range(2))
    assert once == again
