"""Judge: filter, classify a whole batch at once, decide, plan. No I/O, no remote effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from smartticket_daemon.domain import Action, Decision, Message, Mode, Prediction, State, Triage
from smartticket_daemon.errors import ModelError
from smartticket_daemon.filters import FilterRules, reason_to_skip
from smartticket_daemon.policy import Policy, decide, plan
from smartticket_daemon.ports import Classifier
from smartticket_daemon.replies import Replies

log = structlog.get_logger()

T = TypeVar("T")

MOST_TOLD = 3
_TELLING = re.compile(r"(?!.*\d).*[^\W\d_]{4}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of one message."""

    message: Message
    decision: Decision
    state: State
    triage: Triage
    model: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything needed to judge the messages of one source.

    A message that cannot be judged, for whatever reason, is quarantined alone; only a model that cannot
    be used at all is raised, as ModelError.
    """

    classifier: Callable[[], Classifier]
    policy: Policy
    replies: Replies
    rules: Callable[[datetime], FilterRules]

    def __call__(
        self, messages: Sequence[Message], threads: frozenset[str], now: datetime
    ) -> Iterable[Verdict]:
        """One verdict for each message, in order."""
        tags = self.policy.category_tags
        rules = replace(self.rules(now), known_threads=threads, category_tags=tags)
        filtered = [_alone(message, lambda m: _skipped(m, rules)) for message in messages]
        kept = [m for m, verdict in zip(messages, filtered, strict=True) if verdict is None]
        judged = iter(self._classify(kept) if kept else ())
        return [verdict or next(judged) for verdict in filtered]

    def _classify(self, messages: Sequence[Message]) -> list[Verdict]:
        """All at once; when that fails, one by one, so that a single message cannot stop the rest."""
        classifier = self.classifier()
        predictions: Sequence[Prediction | None]
        try:
            predictions = _predict(classifier, messages)
        except ModelError:
            raise
        except Exception:  # noqa: BLE001 - found again, alone, below
            predictions = [None] * len(messages)
        pairs = zip(messages, predictions, strict=True)
        return [_alone(m, partial(self._judge, classifier, prediction)) for m, prediction in pairs]

    def _judge(self, classifier: Classifier, prediction: Prediction | None, message: Message) -> Verdict:
        prediction = prediction or _predict(classifier, [message])[0]
        return self.planned(message, decide(message, prediction, self.policy), classifier.digest)

    def planned(self, message: Message, decision: Decision, digest: str) -> Verdict:
        """What today's policy makes of a decision, new or old; `digest` names the model that decided."""
        note = None
        if decision.action is Action.APPLY and decision.category and self.policy.mode is Mode.SUGGEST:
            note = self.replies.note(decision.category, decision.language, message)
            if self.policy.why:
                terms = self.classifier().explain(message.subject, text_of(message), decision.category)
                note = replace(note, why=telling(terms))
        triage = plan(decision, self.policy, note)
        return Verdict(message, decision, self._state(decision, triage), triage, digest)

    def _state(self, decision: Decision, triage: Triage) -> State:
        if decision.action is Action.ABSTAIN and (not triage or self.policy.mode is Mode.OBSERVE):
            return State.ABSTAINED
        return State.OBSERVED if self.policy.mode is Mode.OBSERVE else State.PENDING


def _predict(classifier: Classifier, messages: Sequence[Message]) -> list[Prediction]:
    return classifier.predict_many([(m.subject, text_of(m)) for m in messages])


def text_of(message: Message) -> str:
    """What is classified as the body: the text, or the names of the attachments where there is none."""
    return message.body or " ".join(message.files)


def telling(terms: Iterable[tuple[str, float]]) -> tuple[str, ...]:
    """The MOST_TOLD strongest terms that speak for a label: words, not numbers, no term within another."""
    told: list[str] = []
    for term, value in terms:
        if len(told) == MOST_TOLD or value <= 0:
            break
        words = f" {term} "
        if _TELLING.match(term) and not any(words in f" {t} " or f" {t} " in words for t in told):
            told.append(term)
    return tuple(told)


def _skipped(message: Message, rules: FilterRules) -> Verdict | None:
    reason = reason_to_skip(message, rules)
    return Verdict(message, Decision(Action.SKIP, reason), State.SKIPPED, Triage()) if reason else None


def _alone(message: Message, judge: Callable[[Message], T]) -> T | Verdict:
    """What `judge` makes of the message; whatever goes wrong is this message's own trouble."""
    try:
        return judge(message)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001 - a message nobody can judge goes to quarantine
        log.error("cannot_classify", key=message.ref.key, error=type(error).__name__)
        return Verdict(message, Decision(Action.SKIP, "cannot_classify"), State.QUARANTINED, Triage())
