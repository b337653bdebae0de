"""What `smartticket demo` shows to people: the routing table, a draft, the ledger, where to look."""

from __future__ import annotations

import email
import email.policy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from smartticket_daemon.cli.common import ledger_line, printable
from smartticket_daemon.demo import sample

WIDTH = 160
"""Columns where no terminal says how many there are."""
_NARROW = 140
"""Terminals with fewer columns are not shown what the category already says: tag and reply."""
_GAP = 3
_LEAST = 12


def show(
    folder: Path, rows: list[dict[str, Any]], ledger: dict[str, dict[str, int]], *, unchanged: bool
) -> None:
    """Everything on standard output."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    parts: list[RenderableType] = []
    if rows:
        parts += [*_routing(rows, console.width), *_drafts(folder)]
    elif unchanged:
        parts.append(Text("A second run changed nothing: every message was triaged before.", "bold green"))
    console.print(Group(*parts, _ledger(ledger)))
    # Paths are for copying, so they are never broken into lines.
    console.print(_where(folder), soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Group:
    """The messages of one decision, what to say above them and what to show of each."""

    decision: str
    title: str
    style: str
    columns: tuple[str, ...]


_GROUPS = (
    _Group(
        "apply",
        "applied: tagged, routed, a suggested reply left as a draft",
        "green",
        ("subject", "category", "conf.", "tag", "route", "reply", "why"),
    ),
    _Group(
        "abstain",
        "unsure: tagged so and left to people",
        "yellow",
        ("subject", "best guess", "conf.", "tag", "why"),
    ),
    _Group(
        "skip", "skipped: not a customer's first message, left untouched", "bright_black", ("subject", "why")
    ),
)
_CELLS: dict[str, Callable[[dict[str, Any]], str]] = {
    "subject": lambda row: row["subject"] or "(no subject)",
    "category": lambda row: row["category"],
    "best guess": lambda row: row["category"],
    "conf.": lambda row: f"{row['confidence']:.2f}",
    "tag": lambda row: " ".join(row["tags"]),
    "route": lambda row: row["route"] or "-",
    "reply": lambda row: row["reply"] or "-",
    "why": lambda row: row["skipped"] or row["why"],
}


def _routing(rows: list[dict[str, Any]], width: int) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for group in _GROUPS:
        if chosen := [row for row in rows if row["decision"] == group.decision]:
            parts += [
                Text(f"{len(chosen)} {group.title}", f"bold {group.style}"),
                _table(group, chosen, width),
            ]
    return parts


def _table(group: _Group, rows: list[dict[str, Any]], width: int) -> Table:
    names = [name for name in group.columns if width >= _NARROW or name not in ("tag", "reply")]
    cells = {name: [printable(_CELLS[name](row)) for row in rows] for name in names}
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, wide in _widths(cells, width).items():
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=wide)
    for line in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, line))
    return table


def _widths(cells: dict[str, list[str]], width: int) -> dict[str, int]:
    """Every column as wide as its widest cell, but subject and why, which share what is left."""
    wanted = {name: max(cell_len(text) for text in (name, *column)) for name, column in cells.items()}
    fixed = sum(wide + _GAP for name, wide in wanted.items() if name not in ("subject", "why"))
    left = max(width - fixed - 2 * _GAP, 2 * _LEAST)
    subject = min(wanted["subject"], max(left * 11 // 20, left - wanted["why"]))
    return wanted | {"subject": subject, "why": min(wanted["why"], left - subject)}


def _drafts(folder: Path) -> list[RenderableType]:
    found = drafts(folder)
    if not found:
        return []
    first = email.message_from_bytes(found[0].read_bytes(), policy=email.policy.default)
    assert isinstance(first, EmailMessage)  # noqa: S101 - what the default policy makes
    head = "\n".join(f"{name}: {printable(str(first[name] or ''))}" for name in ("To", "Subject"))
    text = Text.assemble((head, "bold"), "\n\n", _body(first))
    title = f"1 of {len(found)} drafts: for an agent to look at and send"
    return [Padding(Panel(text, title=title, title_align="left", width=100, padding=(1, 2)), (0, 0, 1, 0))]


def _body(mail: EmailMessage) -> str:
    return "\n".join(printable(line) for line in str(mail.get_content()).splitlines())


def drafts(folder: Path) -> list[Path]:
    """The drafts that the daemon wrote, oldest first."""
    found = sample.mails(folder / sample.MAILBOX / ".Drafts")
    return sorted(found, key=lambda draft: draft.stat().st_mtime_ns)


def _ledger(ledger: dict[str, dict[str, int]]) -> Text:
    lines = []
    for name, counts in ledger.items():
        others = sum(number for word, number in counts.items() if word != "seen")
        verdict = "it balances" if counts["seen"] == others else "IT DOES NOT BALANCE"
        lines.append(f"{ledger_line(name, counts)}  ({verdict})")
    return Text("\n".join(lines), "bold")


def _where(folder: Path) -> Text:
    settings, program = folder / sample.SETTINGS, sys.argv[0]
    return Text(
        f"""
The mailbox    {folder / sample.MAILBOX}   (a Maildir: open it with any mail program that reads one)
The settings   {settings}
The log        {folder / sample.LOG}

Next:
  {program} demo --dir {folder}          run again: nothing changes
  {program} status --config {settings}
  {program} run --config {settings} --dry-run --once"""
    )
