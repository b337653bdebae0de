"""The new model beside the one that judges today, and beside always saying the commonest category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartticket_model import Model
from smartticket_training.compare import Answers, Comparison, compare
from smartticket_training.linear import Numbers
from smartticket_training.report.facts import Facts

MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Against:
    """The comparison with the running model, and how many of the categories that one knows at all."""

    comparison: Comparison
    known: int


def baseline(facts: Facts) -> tuple[str, float]:
    """The commonest category, and the share of rows that it would be right for."""
    most = int(facts.counts.argmax())
    return facts.labels[most], float(facts.counts[most] / facts.rows)


def against_running(facts: Facts, seed: int) -> Against | None:
    """Both models on rows that the new one had not seen: those held out, else those judged; MOST_ROWS."""
    if facts.running is None:
        return None
    rows, answers = _own_answers(facts)
    if len(rows) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))
        rows = rows[kept]
        answers = Answers([answers.labels[k] for k in kept], [answers.applied[k] for k in kept])
    some = facts.trained.data.take(rows.tolist())
    found = compare(some.labels, _answers(facts.running, list(some.pairs)), answers, some.groups, seed)
    return Against(found, len(set(facts.labels) & set(facts.running.categories)))


def _own_answers(facts: Facts) -> tuple[Numbers, Answers]:
    fitted = facts.trained.fitted
    rows, scores, scopes = fitted.judged, fitted.category.out_of_fold, fitted.scopes
    if fitted.held_out is not None and fitted.category.held_out is not None and not fitted.large:
        rows, scores, scopes = fitted.held_out, fitted.category.held_out, scopes[fitted.held_out]
    best = scores.argmax(axis=1)
    applied = (np.exp(scores.max(axis=1)) >= facts.least[best]) & (scopes >= 0)
    return rows, Answers([facts.labels[n] for n in best], applied.tolist())


def _answers(model: Model, pairs: list[tuple[str, str]]) -> Answers:
    found = model.predict_many(pairs)
    sure = [p.scope >= 0 and p.confidence >= model.thresholds.get(p.label, 2.0) for p in found]
    return Answers([prediction.label for prediction in found], sure)
