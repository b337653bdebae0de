"""How far a directory was read: nothing is lost whatever the clocks do, and little comes twice."""

from __future__ import annotations

import random

import pytest

from smartticket_connectors.folder.mark import MARGIN, DirectoryMark, Entry
from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

SECOND = 10**9
NOW = 1_800_000_000 * SECOND
NEW = DirectoryMark(where="here")


def entry(position: str, changed: int, date: int = 0) -> Entry:
    return Entry(changed, date or changed, position)


def poll(
    mark: DirectoryMark, entries: list[Entry], now: int, size: int = 50
) -> tuple[list[str], DirectoryMark]:
    newest = max((e.changed for e in entries), default=0)
    steps = list(mark.advance(entries, newest, now, size))
    names = [e.position for chunk, _ in steps for e in chunk]
    reached = steps[-1][1] if steps else mark
    return names, DirectoryMark.parse(reached.cursor(), "here")


def test_a_file_of_the_same_clock_tick_is_not_lost() -> None:
    _, mark = poll(NEW, [entry("a", NOW)], NOW)
    assert poll(mark, [entry("a", NOW), entry("b", NOW)], NOW)[0] == ["b"]


def test_a_file_with_an_old_date_is_not_lost() -> None:
    _, mark = poll(NEW, [entry("a", NOW - MARGIN * 9)], NOW)
    assert poll(mark, [entry("a", NOW - MARGIN * 9), entry("b", NOW, 1)], NOW)[0] == ["b"]


def test_another_file_under_a_name_that_was_used_is_not_lost() -> None:
    _, mark = poll(NEW, [entry("a", NOW)], NOW)
    assert poll(mark, [entry("a", NOW + 1)], NOW + 1)[0] == ["a"]


def test_a_file_server_with_a_slow_clock_loses_nothing() -> None:
    late = NOW - 3600 * SECOND
    _, mark = poll(NEW, [entry("a", late)], NOW)
    assert poll(mark, [entry("a", late), entry("b", late + 1)], NOW + SECOND)[0] == ["b"]


def test_a_clock_that_is_set_back_loses_nothing_that_comes_now() -> None:
    _, mark = poll(NEW, [entry("a", NOW)], NOW + 60 * SECOND)
    back = NOW - 3600 * SECOND
    assert "b" in poll(mark, [entry("a", NOW), entry("b", back)], back + SECOND)[0]


def test_a_quiet_place_repeats_nothing_and_forgets_names() -> None:
    old = [entry(f"{n:03}", NOW - n * SECOND) for n in range(100)]
    _, mark = poll(NEW, old, NOW + 3600 * SECOND)
    assert poll(mark, old, NOW + 7200 * SECOND)[0] == []
    assert len(mark.seen) == 1


def test_oldest_first_by_date_then_name() -> None:
    entries = [entry("c", NOW, 5), entry("b", NOW + 1, 5), entry("a", NOW + 2, 9)]
    assert poll(NEW, entries, NOW + MARGIN * 2)[0] == ["b", "c", "a"]


def test_start_now_leaves_alone_what_is_there_even_when_it_is_flagged_later() -> None:
    mark = DirectoryMark.beginning("here", [entry("a", NOW - 1, 7), entry("b", NOW, NOW)], NOW, NOW)
    later = [entry("a", NOW + 99 * SECOND, 7), entry("b", NOW, NOW), entry("c", NOW, NOW)]
    assert poll(mark, later, NOW + 100 * SECOND)[0] == ["c"]


@pytest.mark.parametrize("cursor", ['{"where":"there"}', "[]", '{"where":"here","settled":"x"}', "null"])
def test_a_cursor_of_another_place_or_kind_has_expired(cursor: str) -> None:
    with pytest.raises(CursorExpired):
        DirectoryMark.parse(Cursor(cursor), "here")


@pytest.mark.parametrize("seed", range(20))
def test_stopped_anywhere_every_file_comes_exactly_once(seed: int) -> None:
    """Steady clock; files arrive with any date, polls stop after any batch and go on at its cursor."""
    dice = random.Random(seed)
    now, mark = NOW, NEW
    there: list[Entry] = []
    met: list[str] = []
    for _ in range(60):
        now += dice.choice((0, 1, SECOND, MARGIN, 5 * MARGIN))
        there += [
            Entry(now, dice.choice((now, dice.randrange(NOW))), f"{len(there) + n}")
            for n in range(dice.randrange(8))
        ]
        stop = dice.randrange(4)
        newest = max((e.changed for e in there), default=0)
        for batch, (chunk, reached) in enumerate(mark.advance(there, newest, now, 3)):
            met += [e.position for e in chunk]
            mark = DirectoryMark.parse(reached.cursor(), "here")
            if batch == stop:
                break
    met += poll(mark, there, now, 3)[0]
    assert set(met) == {e.position for e in there}
    assert len(met) <= len(there) * 1.2
    assert len(set(met)) > 100
