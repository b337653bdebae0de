"""What agents taught: their corrections and labels as training rows, beside or over those there were.

    choose      which of them to learn from: not too much of one sender
    with_lessons  a data set in which they stand, each in place of rows with the same text

A correction weighs as much as any other row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from smartticket_daemon.domain import Opinion
from smartticket_training.dataset import Dataset, normalised

FEWEST = 3
SHARE = 0.2
"""Of the lessons about one pair of categories, one sender gives at most FEWEST, or this share of them all.

Whoever floods the desk with tickets that look like another category's must not teach the model alone.
"""

HUMAN = (Opinion.CORRECTED, Opinion.LABELLED)
"""Labels that a person chose."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One ticket that people decided about: we said `ours` (or would have), they say `label`.

    `sender` names the requester in a form that tells nothing of them, `created` is when they wrote, `key` the
    message in the journal. `trusted`: the operator stands up for what the sender's tickets were made.
    """

    subject: str
    body: str
    label: str
    ours: str
    opinion: Opinion
    sender: str
    created: datetime
    key: str = ""
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The lessons to learn from, and how many of one sender were left out, by pair (ours, theirs)."""

    lessons: tuple[Lesson, ...]
    left_out: Mapping[tuple[str, str], int]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind are learnt from."""
        found = Counter(lesson.opinion.value for lesson in self.lessons)
        return {kind.value: found[kind.value] for kind in (*HUMAN, Opinion.CONFIRMED)}


def choose(lessons: Sequence[Lesson], free: Collection[str] = ()) -> Chosen:
    """The first of each sender, pair by pair; of senders that are `free` all."""
    pairs: defaultdict[tuple[str, str], list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        pairs[lesson.ours, lesson.label].append(lesson)
    kept, left_out = [], {}
    for pair, own in pairs.items():
        some = _shared_out(own, free)
        kept += some
        if len(some) < len(own):
            left_out[pair] = len(own) - len(some)
    return Chosen(tuple(kept), left_out)


def _shared_out(lessons: Sequence[Lesson], free: Collection[str]) -> list[Lesson]:
    """The first of each sender, up to as many as one may give."""
    most = _most(Counter(lesson.sender for lesson in lessons).values())
    taken: Counter[str] = Counter()
    kept = []
    for lesson in lessons:
        taken[lesson.sender] += 1
        if taken[lesson.sender] <= most or lesson.sender in free:
            kept.append(lesson)
    return kept


def _most(sizes: Collection[int]) -> int:
    """The most that one sender may give, so that it is no more than SHARE of what is then left of all."""
    most = max(sizes)
    while (fewer := max(FEWEST, int(SHARE * sum(min(size, most) for size in sizes)))) < most:
        most = fewer
    return most


def with_lessons(rows: Dataset, lessons: Sequence[Lesson]) -> Dataset:
    """The rows, then the lessons; a row whose text a lesson has, too, is dropped and counted.

    A lesson whose category the rows do not know is left out and counted: a file with names of its own.
    """
    labels = set(rows.labels)
    known = [lesson for lesson in lessons if lesson.label in labels]
    texts = {normalised(lesson.subject, lesson.body) for lesson in known}
    kept = [place for place, pair in enumerate(rows.pairs) if normalised(*pair) not in texts]
    left = rows.take(kept)
    dropped = {
        "feedback in its place": len(rows.pairs) - len(kept),
        "unknown category": len(lessons) - len(known),
    }
    return replace(
        left,
        pairs=left.pairs + [_pair(lesson, two_fields=rows.two_fields) for lesson in known],
        labels=[*left.labels, *(lesson.label for lesson in known)],
        groups=_groups(left, known),
        times=_times(left, known),
        heads={name: [*values, *([""] * len(known))] for name, values in left.heads.items()},
        lines=[*left.lines, *([0] * len(known))] if left.lines else left.lines,
        dropped={**rows.dropped, **dropped},
    )


def _pair(lesson: Lesson, *, two_fields: bool) -> tuple[str, str]:
    if two_fields:
        return lesson.subject, lesson.body
    return "", f"{lesson.subject}\n{lesson.body}".strip()


def _groups(rows: Dataset, lessons: Sequence[Lesson]) -> list[str] | None:
    """Lessons of one sender stay together; rows without a group of their own stand alone."""
    senders = [f"sender {lesson.sender}" for lesson in lessons]
    if rows.groups is None and len(set(senders)) == len(senders):
        return None
    own = rows.groups if rows.groups is not None else [f"row {place}" for place in range(len(rows.labels))]
    return [*own, *senders]


def _times(rows: Dataset, lessons: Sequence[Lesson]) -> list[str] | None:
    if rows.times is None:
        return None
    numbers = all(_is_number(time) for time in rows.times)
    moments = [lesson.created for lesson in lessons]
    return [*rows.times, *(str(m.timestamp()) if numbers else m.isoformat() for m in moments)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
