"""Small charts as SVG text, drawn for a width of WIDTH so that they can be read on a phone.

All coordinates are rounded to a tenth, so the same figures give the same bytes. Whatever text comes in is
escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 20, 12, 44
"""Room around a plot, for its axes and their words."""


class Plot:
    """A plot of `width` x `height` whose x runs over `xs` and whose y over `ys` (from, to)."""

    def __init__(
        self, width: int, height: int, xs: tuple[float, float], ys: tuple[float, float], left: int = _LEFT
    ) -> None:
        self.width, self.height, self.left = width, height, left
        self.xs, self.ys = xs, ys
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """Where that value lies, from the left."""
        low, high = self.xs
        return self.left + (value - low) / (high - low) * (self.width - self.left - _RIGHT)

    def y(self, value: float) -> float:
        """Where that value lies, from the top."""
        low, high = self.ys
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _BOTTOM - _TOP)

    def grid(self, ys: Sequence[tuple[float, str]], xs: Sequence[tuple[float, str]]) -> None:
        """Lines across with their words at the left, and words below."""
        for value, words in ys:
            across = line(self.left, self.y(value), self.width - _RIGHT, self.y(value), "grid")
            self.parts += [across, text(self.left - 6, self.y(value) + 4, words, "end")]
        self.parts += [text(self.x(at), self.height - _BOTTOM + 16, words, "middle") for at, words in xs]

    def below(self, words: str) -> None:
        """What the x axis counts."""
        middle = (self.left + self.width - _RIGHT) / 2
        self.parts.append(text(middle, self.height - 8, words, "middle", "axis"))

    def path(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """A line through points."""
        places = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in points)
        self.parts.append(f'<polyline class="{kind}" points="{places}"/>')

    def dot(self, at: tuple[float, float], kind: str = "dot", radius: float = 4) -> None:
        """A point."""
        self.parts.append(
            f'<circle class="{kind}" cx="{self.x(at[0]):.1f}" cy="{self.y(at[1]):.1f}" r="{radius:.1f}"/>'
        )

    def drawn(self, title: str) -> str:
        """The picture; `title` says what it shows to those who cannot see it."""
        return picture(self.width, self.height, title, self.parts)


def picture(width: int, height: float, title: str, parts: Sequence[str]) -> str:
    """An SVG element."""
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """Words at a place."""
    shown = escape(words, quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{_kind(kind)}>{shown}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_kind(kind)}/>'


def box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A rectangle, with words for the pointer."""
    told = f"<title>{escape(title, quote=False)}</title>" if title else ""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f"<rect {place}{_kind(kind)}>{told}</rect>"


def bars(title: str, rows: Sequence[tuple[str, int]], kinds: Sequence[str] = ()) -> str:
    """Horizontal bars with their names at the left and their numbers at the right."""
    step, left, right = 22, 158, 50
    most = max((number for _, number in rows), default=1) or 1
    parts = []
    for place, (name, number) in enumerate(rows):
        y = place * step + 4
        length = number / most * (WIDTH - left - right)
        parts.append(text(left - 8, y + 12, shortened(name, 21), "end"))
        kind = kinds[place] if kinds else "bar"
        parts.append(box(left, y, max(length, 1), step - 6, kind, f"{name}: {number}"))
        parts.append(text(left + max(length, 1) + 6, y + 12, f"{number:,}"))
    return picture(WIDTH, len(rows) * step + 6, title, parts)


def columns(title: str, rows: Sequence[tuple[str, int]], below: str) -> str:
    """Upright bars with their names below and their share of all above."""
    total, height = sum(number for _, number in rows) or 1, 220
    most = max((number for _, number in rows), default=1) or 1
    plot = Plot(WIDTH, height, (0, max(len(rows), 1)), (0, most * 1.12), left=12)
    for place, (name, number) in enumerate(rows):
        top, middle = plot.y(number), plot.x(place + 0.5)
        wide = plot.x(place + 0.9) - plot.x(place + 0.1)
        plot.parts.append(box(middle - wide / 2, top, wide, plot.y(0) - top, "bar", f"{name}: {number}"))
        plot.parts.append(text(middle, top - 4, f"{number / total:.0%}", "middle", "small"))
        plot.parts.append(text(middle, height - _BOTTOM + 15, name, "middle", "small"))
    plot.parts.append(line(12, plot.y(0), WIDTH - _RIGHT, plot.y(0), "edge"))
    plot.below(below)
    return plot.drawn(title)


def shortened(words: str, most: int) -> str:
    """At most so many characters, the cut shown."""
    return words if len(words) <= most else words[: most - 1] + "…"


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
