"""What is learnt from agents: whose opinions, how many of one sender, and in place of what."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from smartticket_daemon.domain import Opinion
from smartticket_training.dataset import Dataset
from smartticket_training.feedback import Lesson, choose, with_lessons

WHEN = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lesson(
    body: str = "text", sender: str = "ann", opinion: Opinion = Opinion.CORRECTED, label: str = "refund"
) -> Lesson:
    return Lesson("About", body, label, "billing", opinion, sender, WHEN)


def senders(sizes: dict[str, int]) -> list[Lesson]:
    return [lesson(f"{name} {n}", name) for name, size in sizes.items() for n in range(size)]


MANY = {f"s{n}": 1 for n in range(190)}
SHARES: dict[str, tuple[dict[str, int], int]] = {
    "one sender alone": ({"mallory": 200}, 3),
    "three are always taken": ({"mallory": 3}, 3),
    "a fifth of what is kept": ({**MANY, "mallory": 200}, 47),
    "all different": (MANY, 1),
    "five that wrote as much as each other": (dict.fromkeys("abcde", 40), 40),
}


@pytest.mark.parametrize(("sizes", "most"), SHARES.values(), ids=SHARES)
def test_no_sender_teaches_too_much_of_a_pair(sizes: dict[str, int], most: int) -> None:
    chosen = choose(senders(sizes))
    kept = Counter(x.sender for x in chosen.lessons)
    assert max(kept.values()) == most
    assert most <= max(3, 0.2 * kept.total())
    assert kept.total() + chosen.left_out.get(("billing", "refund"), 0) == sum(sizes.values())


def test_a_sender_that_is_free_teaches_all() -> None:
    chosen = choose(senders({**MANY, "mallory": 200, "eve": 200}), {"mallory"})
    kept = Counter(x.sender for x in chosen.lessons)
    assert kept["mallory"] == 200
    assert kept["eve"] < 200
    assert chosen.counts == {"corrected": kept.total(), "labelled": 0, "confirmed": 0}


def test_pairs_do_not_count_for_each_other() -> None:
    mixed = [*senders(MANY), *(lesson(f"m{n}", "mallory", label="bugs") for n in range(10))]
    chosen = choose(mixed)
    assert chosen.left_out == {("billing", "bugs"): 7}
    assert [x.body for x in chosen.lessons if x.label == "bugs"] == ["m0", "m1", "m2"]


ROWS = Dataset(
    [("About", "Text!"), ("", "other"), ("Hello", "third")],
    ["billing", "refund", "refund"],
    heads={"priority": ["low", "high", "low"]},
    lines=[2, 3, 4],
    dropped={"unlabelled": 1},
)


def test_a_lesson_stands_in_place_of_rows_with_its_text() -> None:
    rows = with_lessons(ROWS, [lesson("text", "ann"), lesson("new", "bob")])
    assert rows.pairs == [("", "other"), ("Hello", "third"), ("About", "text"), ("About", "new")]
    assert rows.labels == ["refund"] * 4
    assert rows.heads == {"priority": ["high", "low", "", ""]}
    assert rows.lines == [3, 4, 0, 0]
    assert rows.dropped == {"unlabelled": 1, "feedback in its place": 1, "unknown category": 0}
    assert rows.groups is None


def test_a_category_that_the_rows_do_not_know_is_left_out() -> None:
    rows = with_lessons(ROWS, [lesson("new", label="bugs")])
    assert (rows.pairs, rows.dropped["unknown category"]) == (ROWS.pairs, 1)


def test_lessons_of_one_sender_stay_together() -> None:
    rows = with_lessons(ROWS, [lesson("a", "ann"), lesson("b", "ann")])
    assert rows.groups == ["row 0", "row 1", "row 2", "sender ann", "sender ann"]
    grouped = Dataset([("", "x"), ("", "y")], ["billing", "refund"], groups=["g", "h"])
    assert with_lessons(grouped, [lesson("a")]).groups == ["g", "h", "sender ann"]


@pytest.mark.parametrize(
    ("times", "own"),
    [(["2026-01-01", "2026-01-02"], WHEN.isoformat()), (["1", "2.5"], str(WHEN.timestamp()))],
)
def test_times_are_written_as_those_of_the_rows(times: list[str], own: str) -> None:
    timed = Dataset([("", "x"), ("", "y")], ["billing", "refund"], times=times)
    assert with_lessons(timed, [lesson("a")]).times == [*times, own]


def test_one_text_where_the_rows_have_one() -> None:
    single = Dataset([("", "x"), ("", "About text")], ["refund", "billing"], two_fields=False)
    rows = with_lessons(single, [lesson("text")])
    assert rows.pairs == [("", "x"), ("", "About\ntext")]
    assert rows.labels == ["refund", "refund"]
