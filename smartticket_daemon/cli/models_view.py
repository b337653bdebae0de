"""How models and their comparison are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smartticket_daemon.cli.common import print_table

if TYPE_CHECKING:
    from smartticket_daemon.models import Kept, Registry, Step
    from smartticket_training.compare import Comparison

SHIPPED = "shipped default"


def as_rows(registry: Registry, judging: str | None, *, none_judges: bool) -> list[dict[str, Any]]:
    """Every promoted model, newest first, then the shipped default; `judging` is its digest or None."""
    from smartticket_daemon.models import Kept
    from smartticket_model import load

    shipped = Kept.of(load(), SHIPPED)
    named = [(kept.digest, kept) for kept in reversed(registry.models)]
    return [
        {**_row(kept, registry.last(digest)), "current": digest == judging and not none_judges}
        for digest, kept in [*named, (None, shipped)]
    ]


def _row(kept: Kept, step: Step | None) -> dict[str, Any]:
    return {
        "digest": kept.digest,
        "trained": kept.trained or None,
        "categories": list(kept.categories),
        "rows": kept.rows,
        "accuracy": kept.metrics.get("accuracy"),
        "coverage": kept.metrics.get("coverage"),
        "promoted": step.at if step else None,
        "origin": kept.origin,
    }


def print_models(rows: list[dict[str, Any]]) -> None:
    """One line a model."""
    columns = ("", "digest", "trained", "categories", "rows", "accuracy", "coverage", "judges since", "from")
    print_table("", columns, [_cells(row) for row in rows])


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        "*" if row["current"] else "",
        row["digest"][:12],
        (row["trained"] or "")[:16].replace("T", " "),
        str(len(row["categories"])),
        str(row["rows"]),
        _shown(row["accuracy"]),
        _shown(row["coverage"]),
        (row["promoted"] or "")[:16].replace("T", " ") if row["current"] else "",
        row["origin"],
    ]


def print_comparison(comparison: Comparison) -> None:
    """Both models' figures on the same rows, and how far chance may have moved them."""
    rows = [
        [
            name.replace("_", " "),
            _shown(f.running),
            _shown(f.candidate),
            f"{_signed(f.low)} to {_signed(f.high)}",
        ]
        for name, f in comparison.figures.items()
    ]
    title = f"On {comparison.rows} rows"
    print_table(title, ["figure", "running", "new", "difference (95 % interval)"], rows)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
