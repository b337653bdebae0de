"""The place in a past of page numbers: each page is laid over the last ticket read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smartticket_connectors.freshdesk.api import LAST_PAGE
from smartticket_connectors.freshdesk.past import SMALLEST
from smartticket_connectors.freshdesk.place import Place, Row
from smartticket_daemon.domain import Cursor
from smartticket_daemon.errors import CursorExpired

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def row(number: int, seconds: int) -> Row:
    return Row(number, NOON + timedelta(seconds=seconds), {})


@pytest.mark.parametrize("most", [SMALLEST, 12, 30, 99, 100])
def test_pages_overlap_and_move_on_to_the_last_that_is_turned(most: int) -> None:
    read_twice = before = 0
    while page := Place(before=before).page(most):
        number, size = page
        start = (number - 1) * size
        assert number <= LAST_PAGE
        assert 0 < size <= most
        assert start < before or start == before == 0
        assert start + size > before
        read_twice += before - start
        before = start + size
    assert before >= 0.8 * LAST_PAGE * most
    assert read_twice <= before * (0.12 if most >= 99 else 0.5)


@pytest.mark.parametrize(("most", "end"), [(SMALLEST, 2_750), (100, 29_700)])
def test_from_any_place_there_is_a_page_with_news(most: int, end: int) -> None:
    for before in range(0, end, 1 if most < 100 else 7):
        assert Place(before=before).page(most) is not None


def test_tickets_of_one_second_are_told_apart_by_number() -> None:
    place = Place(before=0).past([row(9, 2), row(8, 1), row(5, 0)])
    rows = [row(8, 1), row(6, 0), row(5, 0), row(4, -1)]
    assert place.joins(rows)
    assert [r.number for r in place.new(rows)] == [6, 4]
    further = place.past([row(6, 0)])
    assert (further.seen, further.before, further.number) == ({5, 6}, 4, 5)
    assert [r.number for r in further.new(rows)] == [4]


def test_a_page_below_all_that_was_read_does_not_join() -> None:
    place = Place(before=0).past([row(9, 2), row(8, 1)])
    assert not place.joins([row(7, 0), row(6, -1)])
    assert place.joins([row(8, 1), row(7, 0)])
    assert place.joins([row(11, 3)])
    assert Place(before=0).joins([row(1, 0)])


def test_a_cursor_says_all_of_it() -> None:
    place = Place(before=0).past([row(9, 2), row(8, 2)])
    assert Place.parse(place.cursor()) == place
    single = place.model_copy(update={"single": True})
    assert Place.parse(single.cursor()) == single


@pytest.mark.parametrize(
    "text", ['{"at":1,"older":0,"seen":{}}', '{"before":-1}', '{"before":1,"at":"noon"}']
)
def test_a_cursor_of_another_walk_has_expired(text: str) -> None:
    with pytest.raises(CursorExpired):
        Place.parse(Cursor(text))
