"""Assess: what would have become of the last tickets of a source, beside what people made of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from smartticket_daemon.backfilling import Estimate, ageless, calls_each, past_of
from smartticket_daemon.domain import Action, Decision, Extent, Message, Mode, Status
from smartticket_daemon.errors import TransientError
from smartticket_daemon.history.labels import Given, Labels, Ours, ours_among
from smartticket_daemon.history.recalling import Wait, as_if_new, recall
from smartticket_daemon.judge import Verdict
from smartticket_daemon.pipeline import Source

UNKNOWN = "unknown_label"
MONTH = timedelta(days=30)
_Z95 = 1.959963984540054


def wilson(right: int, of: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share (Wilson 1927); None of nothing."""
    if of == 0:
        return None
    share, weight = right / of, _Z95**2 / of
    middle = (share + weight / 2) / (1 + weight)
    half = _Z95 / (1 + weight) * math.sqrt(share * (1 - share) / of + weight / of / 4)
    return max(middle - half, 0.0), min(middle + half, 1.0)


@dataclass(slots=True)
class Agreement:
    """How often people said the same of tickets that would have been tagged.

    `applied` would have been tagged, of `compared` of these people's category is known, with `right` they
    agree.
    """

    applied: int = 0
    compared: int = 0
    right: int = 0

    @property
    def share(self) -> float | None:
        """Of those compared; None of nothing."""
        return self.right / self.compared if self.compared else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share, 95 %."""
        return wilson(self.right, self.compared)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A ticket that people filed elsewhere."""

    ticket: str
    subject: str
    ours: str
    theirs: str
    confidence: float


@dataclass(slots=True)
class Assessment:
    """The count of everything. `abstained`, `skipped` and `uncompared` are by reason."""

    tickets: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    per_category: dict[str, Agreement] = field(default_factory=dict)
    abstained: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    uncompared: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    """Labels that are no category of the model."""
    wrong: list[Wrong] = field(default_factory=list)
    waiting: int = 0
    """Tickets that would be tagged or marked unsure and are not solved yet."""

    @property
    def overall(self) -> Agreement:
        """All categories together."""
        own = self.per_category.values()
        return Agreement(sum(a.applied for a in own), sum(a.compared for a in own), sum(a.right for a in own))

    @property
    def triaged(self) -> int:
        """Tickets that would be tagged or marked unsure."""
        return self.overall.applied + self.abstained.total()

    def add(self, message: Message, verdict: Verdict, labels: Labels, ours: Ours) -> None:
        """Count one ticket as it stands today (`message`) and as it would have been judged."""
        self.tickets += 1
        self.newest = max(self.newest or message.created, message.created)
        self.oldest = min(self.oldest or message.created, message.created)
        decision = verdict.decision
        if decision.action is Action.SKIP:
            self.skipped[decision.reason] += 1
            return
        self.waiting += message.status is Status.OPEN
        if decision.action is Action.ABSTAIN:
            self.abstained[decision.reason] += 1
            return
        own = self.per_category.setdefault(decision.category or "", Agreement())
        own.applied += 1
        self._compare(own, message, decision, labels, labels.given(message, ours))

    def _compare(
        self, own: Agreement, message: Message, decision: Decision, labels: Labels, given: Given
    ) -> None:
        if given.label is None:
            self.uncompared[given.missing] += 1
            return
        category, theirs = decision.category or "", labels.categories(given.label)
        if not theirs:
            self.uncompared[UNKNOWN] += 1
            self.foreign[given.label] += 1
            return
        own.compared += 1
        own.right += category in theirs
        if category not in theirs:
            number = message.number or message.ref.ticket
            told = " or ".join(theirs)
            confidence = decision.confidence or 0.0
            self.wrong.append(Wrong(number, message.subject, category, told, confidence))


def assess(
    source: Source, labels: Labels, since: datetime | None, last: int, wait: Wait
) -> Iterator[Assessment]:
    """Judge the last tickets as if each had just arrived; yields the count so far after each batch.

    Nothing is written. Raises what `recall` raises, and CursorExpired.
    """
    judge = replace(source.judge, rules=partial(ageless, source.judge.rules))
    found = Assessment()
    yield found
    for batch in recall(source, None, since, wait):
        if unreadable := len(batch.unreadable[: last - found.tickets]):
            found.skipped["unreadable"] += unreadable
            found.tickets += unreadable
        messages = batch.messages[: last - found.tickets]
        fresh = [as_if_new(message, labels.policy) for message in messages]
        ours = ours_among(source.journal, source.name, {m.ref.ticket for m in messages}, labels.policy)
        for message, verdict in zip(messages, judge(fresh, frozenset(), source.clock()), strict=True):
            found.add(message, verdict, labels, ours.get(message.ref.ticket, Ours()))
        yield found
        if found.tickets >= last:
            return


@dataclass(frozen=True, slots=True)
class Costs:
    """What triage would take in `mode`: the tickets of the last 30 days, and all those that lie there."""

    mode: Mode
    month: Estimate
    backlog: Estimate


def costs(source: Source, found: Assessment, since: datetime | None) -> Costs:
    """Asks the source twice how much there is.

    Of a month's tickets the assessed share is taken to be worth a write; of the backlog's, those among them
    that are not solved. Mode observe would write nothing, so the costs are those of mode suggest.
    """
    mode = source.judge.policy.mode
    mode = Mode.SUGGEST if mode is Mode.OBSERVE else mode

    def estimate(after: datetime | None, tickets: int) -> Estimate:
        try:
            extent = past_of(source).extent(after)
        except TransientError:
            extent = Extent()  # all the rest is known, and must not be lost for this
        each = calls_each(source, extent, mode)
        share = tickets / found.tickets if found.tickets else 1.0
        return Estimate.of(extent, None if each is None else each * share, 0, None)

    month = estimate(source.clock() - MONTH, found.triaged)
    return Costs(mode, month, estimate(since, found.waiting))
