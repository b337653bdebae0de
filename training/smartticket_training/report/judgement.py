"""The sections on how it judges: learning curve, confusion, calibration, thresholds."""

from __future__ import annotations

from html import escape

import numpy as np

from smartticket_training.measure import BINS, front
from smartticket_training.report import charts
from smartticket_training.report.facts import Facts
from smartticket_training.report.findings import bins, confusion
from smartticket_training.report.found import Found
from smartticket_training.report.page import beside, heat, paragraph, read, table

MOST_MATRIX = 20
MOST_FRONTS = 24


def learning(facts: Facts, found: Found) -> str:
    """Would more tickets help?"""
    if facts.trained.fitted.large:
        return paragraph("There is no learning curve: these tickets are too many to be held in memory.")
    if len(found.sizes) < 2:
        return paragraph("There are too few tickets to draw a learning curve.")
    if found.gain > max(found.noise, 0.005):
        step = f"{found.gain * 100:+.1f} points for each doubling"
        verdict = f"It still rises ({step}): more labelled tickets will help."
    else:
        verdict = (
            "It hardly rises any more: more tickets of the same kind will not help much; clearer categories "
            "and fewer wrong labels will."
        )
    words = read(
        "Each point is a model that learnt from so many tickets, and the share of unseen tickets it got "
        "right; a line that still rises at its right end says: label more."
    )
    noise = f"±{found.noise * 100:.1f} points are chance"
    judged = f"All were tried on the same {found.judged:,} unseen tickets, so {noise}."
    return beside(charts.growth(found.sizes), words + paragraph(verdict) + paragraph(judged, "soft"))


def mistaken(facts: Facts) -> str:
    """The confusion matrix, of the most confused categories where there are many."""
    matrix = confusion(facts)
    errors = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diag(matrix)
    size = len(facts.labels)
    chosen = np.sort(np.argsort(-errors, kind="stable")[:MOST_MATRIX])
    shares = matrix[np.ix_(chosen, chosen)] / np.maximum(matrix[chosen].sum(axis=1, keepdims=True), 1)
    names = [facts.labels[n] for n in chosen]
    columns, note = names, ""
    if size > MOST_MATRIX:
        columns = [*names, "any other"]
        shares = np.hstack([shares, np.maximum(1 - shares.sum(axis=1, keepdims=True), 0)])
        note = f" The {MOST_MATRIX} categories with most errors of {size} are shown."
    words = (
        "Each row is a category as your agents set it, and tells of 100 such tickets how many the model "
        "put into each column; blue is right, a dark orange field is a pair whose meaning your agents "
        "should draw apart (or merge)."
    )
    return read(words + note) + heat(names, columns, shares.tolist())


def calibration(facts: Facts) -> str:
    """Does its confidence mean what it says?"""
    error = facts.trained.metrics["ece"]
    if error <= 0.03:
        verdict = "You can take its confidence at its word."
    elif error <= 0.07:
        verdict = "Its confidence is roughly right; keep an eye on what it applies in the first weeks."
    else:
        verdict = "Its confidence is not to be trusted yet: let it only observe, and train with more tickets."
    words = read(
        "Where bars end on the dashed line, “90% sure” is right 9 times of 10; bars that end below it mean "
        "that the model boasts, so ask for a higher --target-precision. (The larger a dot, the more "
        f"tickets; pale bars have fewer than {charts.FEW}.)"
    )
    gap = f"On average it is {error * 100:.1f} percentage points off (ECE {error:.3f}, {BINS} bins)."
    told = words + paragraph(f"{gap} {verdict}")
    return beside(charts.reliability(bins(facts.confidence, facts.right)), told)


def thresholds(facts: Facts) -> str:
    """Where each category's threshold lies, and what it costs."""
    target = facts.trained.target_precision
    words = read(
        "Each picture is one category: the further right on the line, the more of its tickets the model "
        "would act on, and the lower the line there, the more of them wrongly; the orange dot is the point "
        "chosen, and what lies right of it is left to people."
    )
    note = paragraph(
        f"The points are chosen so that {target:.0%} of all that is applied is right (dashed); one category "
        "may lie a little below. Another aim needs no new training: set target_precision in [policy].",
        "soft",
    )
    order = sorted(facts.labels, key=lambda label: -_left_to_people(facts, label))[:MOST_FRONTS]
    pictures = "".join(_front(facts, label) for label in sorted(order))
    more = ""
    if len(facts.labels) > MOST_FRONTS:
        drawn = f"Drawn: the {MOST_FRONTS} categories that leave most to people. The table has all."
        more = paragraph(drawn, "soft")
    return f'{words}{note}<div class="many">{pictures}</div>{more}<h3>All categories</h3>{_table(facts)}'


def _left_to_people(facts: Facts, label: str) -> float:
    """How many of the tickets that are called so it would not act on."""
    own = facts.trained.metrics["per_category"][label]
    called = int((facts.predicted == facts.labels.index(label)).sum())
    return called * (1 - (own["coverage"] or 0.0))


def _front(facts: Facts, label: str) -> str:
    threshold, target = facts.trained.thresholds.get(label), facts.trained.target_precision
    own = facts.predicted == facts.labels.index(label)
    points = front(facts.confidence[own], facts.right[own])
    if threshold is None or not own.any():
        chosen = None
        cost = f"Always left to people: it cannot reach {target:.0%}, or has too few tickets to tell."
    else:
        sure = own & (facts.confidence >= threshold)
        right = float(facts.right[sure].mean()) if sure.any() else 1.0
        chosen = (float(sure.sum() / own.sum()), right)
        cost = f"Acts from {threshold:.0%} sure: on {chosen[0]:.0%} of what it calls so, {right:.0%} right."
    drawn = charts.front(label, points, chosen, target)
    return f"<figure><h3>{escape(label)}</h3>{drawn}{paragraph(cost)}</figure>"


def _table(facts: Facts) -> str:
    figures = facts.trained.metrics["per_category"]
    rows: list[list[str | int]] = []
    for number, label in enumerate(facts.labels):
        own = figures[label]
        threshold = own["threshold"]
        rows.append(
            [
                label,
                int(facts.counts[number]),
                f"{own['recall']:.0%}",
                f"{own['precision']:.0%}",
                "never" if threshold is None else f"{threshold:.0%}",
                _share(own["coverage"]),
                _share(own["precision_at_coverage"]),
            ]
        )
    heading = ["Category ", "Tickets", "Found", "Right when said", "Acts from", "Acts on", "Right then"]
    return table(heading, rows)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
