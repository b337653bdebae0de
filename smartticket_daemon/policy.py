"""decide(): what to make of a prediction. plan(): the remote change that follows. Both are pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smartticket_daemon.domain import Action, Decision, Message, Mode, Note, Prediction, Triage


@dataclass(frozen=True, slots=True)
class CategoryPolicy:
    """What applying one category means. `threshold` overrides the model's own."""

    tag: str
    route: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's wishes for one source."""

    mode: Mode
    categories: Mapping[str, CategoryPolicy]
    unsure_tag: str = ""
    category_tags: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        tags = frozenset(category.tag for category in self.categories.values())
        object.__setattr__(self, "category_tags", tags)

    def category_of(self, tags: frozenset[str]) -> str | None:
        """The category that one of `tags` stands for; tags compare without case, as IMAP keywords do."""
        lowered = {tag.lower() for tag in tags}
        return next((name for name, c in self.categories.items() if c.tag.lower() in lowered), None)


def decide(message: Message, prediction: Prediction, policy: Policy) -> Decision:
    """Apply the best category when its calibrated probability reaches its threshold, else abstain."""
    category = prediction.label
    threshold = policy.categories[category].threshold
    if threshold is None:
        threshold = prediction.thresholds.get(category)
    reason = _doubt(message, prediction, threshold)
    return Decision(
        action=Action.ABSTAIN if reason else Action.APPLY,
        reason=reason or "confident",
        category=category,
        confidence=prediction.confidence,
        threshold=threshold,
        language=prediction.language,
    )


def _doubt(message: Message, prediction: Prediction, threshold: float | None) -> str | None:
    if "encrypted" in message.marks:
        return "encrypted"
    if prediction.empty:
        return "nothing_to_go_by"
    if prediction.scope < 0:
        return "out_of_scope"
    if threshold is None:
        return "no_threshold"
    return None if prediction.confidence >= threshold else "below_threshold"


def plan(decision: Decision, policy: Policy, note: Note | None) -> Triage:
    """The change that `decision` asks for: abstaining sets only the unsure tag."""
    rivals = tuple(sorted(policy.category_tags))
    if decision.action is Action.ABSTAIN:
        return Triage(tags=(policy.unsure_tag,), rivals=rivals) if policy.unsure_tag else Triage()
    if decision.action is Action.SKIP or decision.category is None:
        return Triage()
    category = policy.categories[decision.category]
    wanted = note if policy.mode is Mode.SUGGEST else None
    others = tuple(tag for tag in rivals if tag != category.tag)
    return Triage((category.tag,), category.route, wanted, others)
