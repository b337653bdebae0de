"""What speaks against a model: the settings, and the running model's answers to the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smartticket_config.settings import Settings
from smartticket_daemon.assemble import check_fit, load_model, load_replies, policy_for
from smartticket_daemon.cli.common import contradiction, say
from smartticket_daemon.domain import Action, Message, MessageRef
from smartticket_daemon.errors import DataError, ModelError
from smartticket_daemon.policy import decide
from smartticket_daemon.source_settings import SourceSettings
from smartticket_model import Model
from smartticket_training.compare import Answers, Comparison, compare
from smartticket_training.dataset import Columns, Dataset, read_dataset


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A file of labelled rows that the models have not seen."""

    path: Path
    columns: Columns
    encoding: str = "utf-8"

    def rows(self) -> Dataset:
        """Raises DataError."""
        rows = read_dataset(self.path, self.columns, self.encoding)
        if not rows.labels:
            raise DataError(f"{self.path}: no row has a label in column {self.columns.label}")
        return rows


@dataclass(frozen=True, slots=True)
class Weighed:
    """What speaks `against` a candidate, in sentences, and the comparison where one could be made."""

    against: tuple[str, ...]
    comparison: Comparison | None = None

    @property
    def told(self) -> dict[str, Any] | None:
        """The comparison as plain values."""
        return self.comparison.told() if self.comparison else None


def weigh(settings: Settings, candidate: Model, held_out: HeldOut | None) -> Weighed:
    """Look at the fit with the settings, at whose corrections it learnt, and at both models' answers.

    Raises DataError for the file, also where one of the models was trained on it.
    """
    against = [*check_fit(settings, candidate, load_replies(settings)), *_contradicted(candidate)]
    try:
        comparison = _compared(settings, candidate, held_out) if held_out else None
    except ModelError as error:
        return Weighed((*against, f"nothing was compared: the running model cannot be used: {error}"))
    if comparison is None:
        against.append("nothing was compared; name rows that it has not seen: --data FILE --label COL ...")
        return Weighed(tuple(against))
    target = settings.policy.target_precision or candidate.manifest["heads"]["category"]["target_precision"]
    return Weighed((*against, *comparison.against(target)), comparison)


def _contradicted(candidate: Model) -> list[str]:
    """Senders whom it learnt from though a model without them contradicts what they taught."""
    told = candidate.manifest["data"].get("feedback", {})
    try:
        return [
            f"it learnt what one sender taught, {own['key'][:12]}: {contradiction(own)}"
            for own in told.get("contradicted", ())
            if own["trusted"]
        ]
    except (AttributeError, KeyError, TypeError):
        raise ModelError("this model's manifest does not say whose corrections it learnt") from None


def _compared(settings: Settings, candidate: Model, held_out: HeldOut) -> Comparison:
    running, rows = load_model(settings), held_out.rows()
    for model, words in ((candidate, "this model"), (running, "the running model")):
        if _learnt_from(model, rows):
            mend = "compare on rows that neither has seen"
            raise DataError(f"{held_out.path}: {words} was trained on this file; {mend}")
    say(f"comparing with {running.digest[:12]} on {len(rows.labels)} rows ...")
    old, new = (_answers(settings, model, list(rows.pairs)) for model in (running, candidate))
    return compare(rows.labels, old, new, rows.groups)


def _learnt_from(model: Model, rows: Dataset) -> bool:
    """Whether these are the very rows of its training, as far as its digest of them tells."""
    try:
        from smartticket_training.cleaning import cleaned
    except ModuleNotFoundError:  # cleaning needs the training extra, which a machine that only triages lacks
        return False
    return bool(model.manifest["data"]["sha256"] == cleaned(rows).digest)


def _answers(settings: Settings, model: Model, pairs: Sequence[tuple[str, str]]) -> Answers:
    """What the daemon would make of these texts with the thresholds of its settings."""
    policy = policy_for(settings, SourceSettings(kind="text"), model)
    message = Message(MessageRef("held out", "", ""), "", "", datetime.now(UTC))
    predictions = model.predict_many(pairs)
    applied = [decide(message, prediction, policy).action is Action.APPLY for prediction in predictions]
    return Answers([prediction.label for prediction in predictions], applied)
