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
class HeadPolicy:
    """The tag of a further head: `tag` with its label for `{label}`, from `threshold` on (0 to 1)."""

    tag: str
    threshold: float = 0.8


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's wishes for one source."""

    mode: Mode
    categories: Mapping[str, CategoryPolicy]
    unsure_tag: str = ""
    heads: Mapping[str, HeadPolicy] = field(default_factory=dict)
    why: bool = False
    """Whether an internal note says which words spoke for the category."""
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
        tags=() if reason else _head_tags(message, prediction, policy),
    )


def _head_tags(message: Message, prediction: Prediction, policy: Policy) -> tuple[str, ...]:
    """Tags of the further heads that are sure enough and have none on the ticket yet: a person's wins."""
    found = []
    for name, head in sorted(policy.heads.items()):
        label, confidence = prediction.heads.get(name, ("", 0.0))
        before, _, after = head.tag.lower().partition("{label}")
        there = any(tag.lower().startswith(before) and tag.lower().endswith(after) for tag in message.tags)
        if label and confidence >= head.threshold and not there:
            found.append(head.tag.replace("{label}", label))
    return tuple(found)


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
    return Triage((category.tag, *decision.tags), category.route, wanted, others)
