"""Precision against coverage per category, and the thresholds that a target precision asks for."""

from __future__ import annotations

from collections.abc import Mapping

Point = tuple[float, float, float]
"""Threshold, precision of what is at or above it, and its coverage: share of the category's predictions."""

Curve = Mapping[str, tuple[Point, ...]]
"""Per category the points that no lower threshold equals in precision, by falling threshold."""


def thresholds_at(curve: Curve, precision: float) -> dict[str, float]:
    """Per category the lowest threshold with at least `precision` (0 to 1); none for those out of reach."""
    reached = {
        label: [threshold for threshold, seen, _ in points if seen >= precision]
        for label, points in curve.items()
    }
    return {label: min(thresholds) for label, thresholds in reached.items() if thresholds}
