"""What the commands share: their common options, the settings, and how results are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="SMARTTICKET_CONFIG", help="The settings file.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one a line.")]

Moment = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"])]


def aware(moment: datetime | None) -> datetime | None:
    """Moments on the command line are UTC."""
    return moment.replace(tzinfo=UTC) if moment else None


def load_settings(file: Path | None) -> Configuration:
    """The checked settings; without a file the defaults. Raises ConfigurationError."""
    from smartticket_config.settings import load

    return load(file)


def print_json(value: Any) -> None:
    """One JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A message for the operator, on standard error."""
    sys.stderr.write(text + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people, on standard output; cells are data, never markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", expand=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, soft_wrap=False, highlight=False).print(table)


def printable(text: str) -> str:
    """`text` without control characters, so that a subject cannot steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def contradiction(told: Mapping[str, Any]) -> str:
    """Of a sender's corrections, as a model's manifest tells of them."""
    return (
        f"a model without them says otherwise for {told['contradicted']} of these {told['corrections']}, "
        f"but only for {told['others_contradicted']} of {told['others']} of everybody else's"
    )


def ledger_line(name: str, counts: dict[str, int]) -> str:
    """`seen 40 = applied 25 + ...` of one source."""
    parts = " + ".join(f"{word} {number}" for word, number in counts.items() if word != "seen")
    return f"ledger {name}: seen {counts['seen']} = {parts}"
