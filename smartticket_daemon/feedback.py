"""Looks again at the tickets we triaged: what did people make of our decisions?

    to_look -> current -> opinion_of -> set_feedback

One batch at a time, after a round with nothing left to deliver, by the same thread and within the same
budget. Between two looks at a ticket lies at least `interval`, and a quarter of the time since it was
triaged: most changes are made soon, and a month costs some thirty looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from smartticket_daemon.backoff import asked_wait, must_wait
from smartticket_daemon.domain import Key, RemoteState
from smartticket_daemon.errors import JournalError, ModelError, NoRoom, RateLimited, describe
from smartticket_daemon.opinions import UNDECIDED, Teacher, opinion_of
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import DONE, WAITS, poll
from smartticket_daemon.ports import Feedback, Judged, ReportsState

log = structlog.get_logger()

AT_ONCE = 100
"""Tickets in one batch: one call where the service tells of many at once."""
LONGEST = timedelta(seconds=5)
"""A batch ends after this long: new mail is not kept waiting by services that are asked one by one."""
GROWTH = 4
"""The next look comes when the time since the triage has grown by one part in this many."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How often and how long to look, and by what agents tell their opinion."""

    interval: timedelta = timedelta(hours=1)
    max_age: timedelta = timedelta(days=30)
    teacher: Teacher = Teacher.TAG


@dataclass(slots=True)
class Rounds:
    """A round of one source: `work`, and then one batch of looks where nothing else is to be done.

    Trouble with looking is the source's own affair: it is logged, the round's exit code stays, and the next
    look comes after an interval.
    """

    looking: Looking
    work: Callable[[Source], int] = poll
    _resting: dict[str, datetime] = field(default_factory=dict)

    def __call__(self, source: Source) -> int:
        """The exit code of `work`."""
        code = self.work(source)
        if code in (DONE, WAITS) and self._is_free(source):
            self._look(source)
        return code

    def _is_free(self, source: Source) -> bool:
        now, rest = source.clock(), self._resting.get(source.name)
        waits = must_wait(source.journal.health(source.name).not_before, now)
        rests = rest is not None and now < rest <= now + self.looking.interval
        return not (waits or rests or source.stopping() or source.journal.due(source.name, now))

    def _look(self, source: Source) -> None:
        try:
            look_again(source, self.looking)
        except (JournalError, ModelError):
            raise
        except NoRoom:
            pass  # our own share of the limit is for deliveries first
        except RateLimited as error:
            self._wait(source, asked_wait(error))
        except Exception as error:  # noqa: BLE001 - a broken source must not stop the others
            self._resting[source.name] = source.clock() + self.looking.interval
            source.connector.close()
            log.error("feedback_failed", source=source.name, error=describe(error))

    def _wait(self, source: Source, wait: timedelta | None) -> None:
        """What the service asks for holds for whatever we want of it, in the next process too."""
        until = source.clock() + (wait or self.looking.interval)
        self._resting[source.name] = until
        if wait is not None:
            health = source.journal.health(source.name)
            source.journal.set_health(source.name, replace(health, not_before=until))


def look_again(source: Source, looking: Looking, at_once: int = AT_ONCE) -> int:
    """Look at one batch of tickets that are due; returns how many were looked at.

    Nothing for a connector without the capability FEEDBACK. Raises what the connector raises; what it had
    told until then is kept.
    """
    source = source.present()
    connector, begun = source.connector, source.clock()
    if not isinstance(connector, ReportsState):
        return 0
    window = (begun - looking.max_age, begun - looking.interval)
    waiting = source.journal.to_look(source.name, *window, begun, at_once)
    found: dict[Key, Feedback] = {}
    try:
        for judged, state in _states(source, connector, waiting):
            found[judged.record.key] = _seen(source, judged, state, looking)
            if source.stopping() or source.clock() - begun > LONGEST:
                break
    finally:
        if found:
            source.journal.set_feedback(found)
            log.info("looked_again", source=source.name, tickets=len(found))
    return len(found)


def _states(
    source: Source, connector: ReportsState, waiting: Sequence[Judged]
) -> Iterator[tuple[Judged, RemoteState]]:
    """Lazily, so that a service that is asked ticket by ticket can be left in between."""
    if waiting and not source.stopping():
        yield from zip(waiting, connector.current([judged.record.ref for judged in waiting]), strict=False)


def _seen(source: Source, judged: Judged, state: RemoteState, looking: Looking) -> Feedback:
    now, before = source.clock(), judged.feedback
    told = opinion_of(judged, state, source.judge.policy, looking.teacher)
    known = (before.opinion, before.label) if before else UNDECIDED
    told = told or known
    since = before.since if before and told == known else now
    wait = max(looking.interval, (now - judged.record.updated) / GROWTH)
    return Feedback(*told, since=since, looked=now, due=now + wait)
