"""The pictures of a report, from its findings."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from smartticket_model.curve import Point
from smartticket_training.measure import BINS
from smartticket_training.report.findings import Bin
from smartticket_training.report.growth import Size
from smartticket_training.report.svg import WIDTH, Plot, box, line, text

FEW = 20
"""A bin of fewer rows is drawn pale: chance may have made it."""

_MOST_POINTS = 60


def growth(sizes: Sequence[Size]) -> str:
    """Accuracy by rows learnt from; each doubling goes as far to the right as another."""
    shares = [size.accuracy for size in sizes]
    low = max(0.0, (min(shares) * 20 // 1) / 20 - 0.05)
    high = min(1.0, max(shares) + 0.06)
    places = [log2(size.rows / sizes[0].rows) for size in sizes]
    plot = Plot(WIDTH, 240, (-0.3, places[-1] + 0.3), (low, high))
    names = [(place, f"{size.rows:,}") for place, size in zip(places, sizes, strict=True)]
    plot.grid([(value, f"{value:.0%}") for value in _ticks(low, high)], names)
    points = list(zip(places, shares, strict=True))
    plot.path(points, "curve")
    for x, y in points:
        plot.dot((x, y))
        plot.parts.append(text(plot.x(x), plot.y(y) - 9, f"{y:.1%}", "middle", "strong"))
    plot.below("tickets learnt from")
    return plot.drawn("Learning curve: share of unseen tickets that is right, by tickets learnt from")


def reliability(bins: Sequence[Bin | None]) -> str:
    """How often the model is right against how sure it is; on the diagonal both are the same."""
    plot = Plot(WIDTH, 380, (0, 1), (0, 1))
    ticks = [(n / 5, f"{n / 5:.0%}") for n in range(6)]
    plot.grid(ticks, ticks)
    most = max((b.rows for b in bins if b), default=1)
    for number, one in enumerate(bins):
        if one is None:
            continue
        x, top = plot.x(number / BINS), plot.y(one.right)
        wide = plot.x((number + 1) / BINS) - x - 1.5
        words = f"sure {one.confidence:.0%}, right {one.right:.0%}, {one.rows} tickets"
        kind = "bar" if one.rows >= FEW else "bar pale"
        plot.parts.append(box(x + 0.75, top, wide, plot.y(0) - top, kind, words))
    plot.parts.append(line(plot.x(0), plot.y(0), plot.x(1), plot.y(1), "ideal"))
    for one in bins:
        if one is not None:
            plot.dot((one.confidence, one.right), "mark", 2.5 + 5 * (one.rows / most) ** 0.5)
    plot.below("how sure the model said it was")
    return plot.drawn("Reliability: how often the model is right, by how sure it says it is")


def front(label: str, points: Sequence[Point], chosen: tuple[float, float] | None, target: float) -> str:
    """Precision by share acted on of one category; `chosen` is the share and precision at its threshold."""
    drawn = sorted((coverage, precision) for _, precision, coverage in _thinned(points))
    lowest = min([target - 0.1, *(p - 0.02 for _, p in [*drawn, *([chosen] if chosen else [])])])
    low = max(0.0, lowest)
    plot = Plot(200, 165, (0, 1), (low, 1 + (1 - low) / 3), left=38)
    ticks = [(1.0, "100%"), *([(target, f"{target:.0%}")] if target <= 1 - (1 - low) / 8 else [])]
    plot.grid(ticks, [(0, "0%"), (0.5, "50%"), (1, "100%")])
    plot.parts.append(line(plot.x(0), plot.y(target), plot.x(1), plot.y(target), "ideal"))
    if drawn:
        plot.path([(0.0, drawn[0][1]), *drawn], "curve")
    if chosen:
        plot.dot(chosen, "mark", 5)
    plot.parts.append(text(4, 11, "share that is right", kind="axis"))
    plot.below("share acted on")
    return plot.drawn(f"{label}: share that is right by share acted on")


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    step = max(1, len(points) // _MOST_POINTS)
    return [*points[::step], *points[-1:]]


def _ticks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.02, 0.05, 0.1, 0.2) if (high - low) / s <= 6)
    first = int(low / step + 0.999)
    return [n * step for n in range(first, int(high / step + 1e-9) + 1)]
