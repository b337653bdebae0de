"""Judge: filter, classify a whole batch at once, decide, plan. No I/O, no remote effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from smartticket_daemon.domain import Action, Decision, Message, Mode, Prediction, State, Triage
from smartticket_daemon.errors import ModelError
from smartticket_daemon.filters import FilterRules, reason_to_skip
from smartticket_daemon.policy import Policy, decide, plan
from smartticket_daemon.ports import Classifier
from smartticket_daemon.replies import Replies


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
    """Everything needed to judge the messages of one source."""

    classifier: Callable[[], Classifier]
    policy: Policy
    replies: Replies
    rules: Callable[[datetime], FilterRules]

    def __call__(
        self, messages: Sequence[Message], threads: frozenset[str], now: datetime
    ) -> Iterable[Verdict]:
        """One verdict for each message, in order."""
        rules = replace(self.rules(now), known_threads=threads)
        reasons = [reason_to_skip(message, rules) for message in messages]
        kept = [m for m, reason in zip(messages, reasons, strict=True) if reason is None]
        classifier = self.classifier()
        judged = iter(self._classify(classifier, kept))
        for message, reason in zip(messages, reasons, strict=True):
            yield _skipped(message, reason) if reason else next(judged)

    def _classify(self, classifier: Classifier, messages: Sequence[Message]) -> list[Verdict]:
        """All at once; when that fails, one by one, so that a single message cannot stop the rest."""
        try:
            predictions: Sequence[Prediction | None] = _predict(classifier, messages)
        except ModelError:
            raise
        except Exception:  # noqa: BLE001 - found again, alone, below
            predictions = [_predict_alone(classifier, message) for message in messages]
        return [
            self._verdict(message, prediction, classifier.digest) if prediction else _failed(message)
            for message, prediction in zip(messages, predictions, strict=True)
        ]

    def _verdict(self, message: Message, prediction: Prediction, digest: str) -> Verdict:
        decision = decide(message, prediction, self.policy)
        note = None
        if decision.action is Action.APPLY and decision.category and self.policy.mode is not Mode.TAG:
            note = self.replies.note(decision.category, decision.language, message)
        triage = plan(decision, self.policy, note)
        return Verdict(message, decision, self._state(decision, triage), triage, digest)

    def _state(self, decision: Decision, triage: Triage) -> State:
        if decision.action is Action.ABSTAIN and (not triage or self.policy.mode is Mode.OBSERVE):
            return State.ABSTAINED
        return State.OBSERVED if self.policy.mode is Mode.OBSERVE else State.PENDING


def _predict(classifier: Classifier, messages: Sequence[Message]) -> list[Prediction]:
    return classifier.predict_many([(m.subject, text_of(m)) for m in messages]) if messages else []


def _predict_alone(classifier: Classifier, message: Message) -> Prediction | None:
    try:
        return _predict(classifier, [message])[0]
    except ModelError:
        raise
    except Exception:  # noqa: BLE001 - a message nobody can classify goes to quarantine
        return None


def text_of(message: Message) -> str:
    """What is classified as the body: the text, or the names of the attachments where there is none."""
    return message.body or " ".join(message.files)


def _skipped(message: Message, reason: str) -> Verdict:
    return Verdict(message, Decision(Action.SKIP, reason), State.SKIPPED, Triage())


def _failed(message: Message) -> Verdict:
    return Verdict(message, Decision(Action.SKIP, "cannot_classify"), State.QUARANTINED, Triage())
