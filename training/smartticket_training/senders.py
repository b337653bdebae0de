"""Whose corrections does a model that has not learnt them contradict far more often than anybody else's?

One model is made of everything, in folds that keep a sender's corrections together, so each is judged by a
model without that sender. Where nothing is amiss it contradicts one sender's corrections about as often as
those of all others. How likely so many contradictions among so few are by chance alone is Fisher's exact test
(1935, one-sided); LEVEL is divided by the number of senders that could be tested (Bonferroni), so that of
trainings with honest senders alone at most one in a hundred holds anybody out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import comb
from typing import Any

from smartticket_training.cleaning import cleaned
from smartticket_training.dataset import Dataset, normalised
from smartticket_training.feedback import Lesson, with_lessons
from smartticket_training.fit import Options, fit

LEVEL = 0.01
FEWEST = 3
"""Fewer corrections of a sender tell nothing, and do no harm."""

MOST_ROWS = 20_000
"""Of rows too many for memory so many judge the corrections."""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A sender whose corrections a model without them contradicts too often to be chance.

    `key` is that of the sender's first corrected message, as `smartticket explain` takes it. Of their
    `corrections`, texts that occur twice counted once, so many are `contradicted`, and of everybody else's
    `others` so many are `others_contradicted`. `trusted`: learnt from all the same, as the operator asked.
    """

    key: str
    corrections: int
    contradicted: int
    others: int
    others_contradicted: int
    chance: float
    trusted: bool

    def told(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def contradicted(rows: Dataset, lessons: Sequence[Lesson], options: Options) -> dict[str, Contradicted]:
    """By sender.

    Costs a training on words alone, and nothing where no sender has FEWEST corrections. Raises DataError
    where the rows do not suffice.
    """
    sizes = Counter(lesson.sender for lesson in lessons)
    if not sizes or max(sizes.values()) < FEWEST:
        return {}
    judged, wrong = _judged(rows, lessons, options)
    tested = [sender for sender, number in judged.items() if number >= FEWEST]
    found = {}
    for sender in tested:
        own, others = judged[sender], judged.total() - judged[sender]
        own_wrong, others_wrong = wrong[sender], wrong.total() - wrong[sender]
        chance = by_chance(own_wrong, own, others_wrong, others)
        if chance < LEVEL / len(tested):
            theirs = [lesson for lesson in lessons if lesson.sender == sender]
            trusted = any(lesson.trusted for lesson in theirs)
            told = (own, own_wrong, others, others_wrong, float(f"{chance:.2g}"), trusted)
            found[sender] = Contradicted(theirs[0].key, *told)
    return found


def by_chance(wrong: int, own: int, others_wrong: int, others: int) -> float:
    """How likely at least `wrong` of all that are wrong fall among `own`, if dealt out blindly."""
    both = wrong + others_wrong
    ways = (comb(both, k) * comb(own + others - both, own - k) for k in range(wrong, min(own, both) + 1))
    return sum(ways) / comb(own + others, own)


def _judged(rows: Dataset, lessons: Sequence[Lesson], options: Options) -> tuple[Counter[str], Counter[str]]:
    """By sender: corrections that were judged by a model without that sender, and contradicted."""
    examples = replace(cleaned(with_lessons(rows.in_memory(MOST_ROWS), lessons)), heads={})
    plain = replace(options, features="word", held_out=0.0)
    head = fit(examples, plain, lambda _stage, _share: None).category
    best = head.out_of_fold.argmax(axis=1)
    senders = {normalised(lesson.subject, lesson.body): lesson.sender for lesson in reversed(lessons)}
    judged: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for place, pair in enumerate(examples.pairs):
        if (sender := senders.get(normalised(*pair))) is not None:
            judged[sender] += 1
            wrong[sender] += int(best[place] != head.truth[place])
    return judged, wrong
