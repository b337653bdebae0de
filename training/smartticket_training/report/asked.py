"""How a training was asked for, in the words of its command."""

from __future__ import annotations

from pathlib import Path

from smartticket_training.dataset import Columns
from smartticket_training.fit import Options


def settings_of(
    data: str | Path | None, columns: Columns | None, options: Options, small_classes: str, lessons: int
) -> dict[str, str]:
    """Name and value of what was chosen; the jobs are left out, for they change nothing."""
    asked = {"data": str(data) if data else "what the shipped model learnt from"}
    if columns:
        asked["category"] = f"column {columns.label}"
        asked["text"] = ", ".join(f"column {c}" for c in (columns.text, columns.subject, columns.body) if c)
        for name, column in (
            ("group", columns.group),
            ("time", columns.time),
            *sorted(columns.heads.items()),
        ):
            if column:
                asked[name] = f"column {column}"
    if lessons:
        asked["corrections of agents"] = str(lessons)
    asked |= {"features": options.features, "small classes": small_classes, "seed": str(options.seed)}
    if options.held_out:
        asked["share held out"] = f"{options.held_out:g}"
    return asked
