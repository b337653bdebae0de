"""From what agents taught to training rows: whose corrections are held out, how many of one sender count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from smartticket_training.dataset import Dataset
from smartticket_training.feedback import Chosen, Lesson, choose, with_lessons
from smartticket_training.fit import Options, Progress
from smartticket_training.senders import Contradicted, contradicted


@dataclass(frozen=True, slots=True)
class Taught:
    """`chosen` are the lessons that were learnt from; `contradicted` the senders whose were held out, or
    would have been, were they not trusted.
    """

    chosen: Chosen
    contradicted: tuple[Contradicted, ...]

    def told(self) -> dict[str, Any]:
        """As plain values, for the manifest: no word of a ticket, and nobody's name."""
        return {
            "learnt": self.chosen.counts,
            "too_many_of_one_sender": sum(self.chosen.left_out.values()),
            "contradicted": [sender.told() for sender in self.contradicted],
        }


def teach(
    rows: Dataset,
    lessons: Sequence[Lesson],
    options: Options,
    progress: Progress = lambda _stage, _share: None,
) -> tuple[Dataset, Taught]:
    """The rows with the lessons in them, and what became of these.

    Of senders who are `trusted` though they are contradicted everything is learnt.
    """
    progress("corrections", 0.0)
    found = contradicted(rows, lessons, options)
    progress("corrections", 1.0)
    held_out = {sender for sender, own in found.items() if not own.trusted}
    heard = [lesson for lesson in lessons if lesson.sender not in held_out]
    free = {sender for sender, own in found.items() if own.trusted}
    chosen = choose(heard, free)
    dropped = {
        "sender contradicted": len(lessons) - len(heard),
        "too many of one sender": sum(chosen.left_out.values()),
    }
    counted = replace(rows, dropped={**rows.dropped, **dropped})
    return with_lessons(counted, chosen.lessons), Taught(chosen, tuple(found.values()))
