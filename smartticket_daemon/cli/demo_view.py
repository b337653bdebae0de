"""What `smartticket demo` shows to people: the routing table, a draft, the ledger, where to look."""

from __future__ import annotations

import email
import email.policy
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from smartticket_daemon.cli.common import ledger_line, printable
from smartticket_daemon.demo import sample

WIDTH = 150
"""Columns where no terminal says how many there are."""
_STYLE = {"apply": "", "abstain": "yellow", "skip": "dim"}
_TITLES = {
    "apply": "applied: tagged, routed, a suggested reply left as a draft",
    "abstain": "unsure: tagged so, and left to people",
    "skip": "skipped: not a customer's first message",
}


def show(
    folder: Path, rows: list[dict[str, Any]], ledger: dict[str, dict[str, int]], *, unchanged: bool
) -> None:
    """Everything on standard output."""
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(width=width, highlight=False)
    console.print(view(folder, rows, ledger, unchanged=unchanged))


def view(
    folder: Path, rows: list[dict[str, Any]], ledger: dict[str, dict[str, int]], *, unchanged: bool
) -> RenderableType:
    """The whole picture, to be printed on any console."""
    parts: list[RenderableType] = []
    if rows:
        parts += [_routing(rows), *_drafts(folder)]
    elif unchanged:
        parts.append(Text("A second run changed nothing: every message was triaged before.", "bold green"))
    parts += [_ledger(ledger), _where(folder)]
    return Group(*parts)


def _routing(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="What became of each message", title_justify="left")
    for name, options in _COLUMNS:
        table.add_column(name, **options)
    for decision, title in _TITLES.items():
        chosen = [row for row in rows if row["decision"] == decision]
        if chosen:
            table.add_row(Text(f"{len(chosen)} {title}", "bold"))
        for row in chosen:
            table.add_row(*map(Text, map(printable, _cells(row))), style=_STYLE[decision])
        table.add_section()
    return table


_ONE_LINE: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}
_COLUMNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("subject", {**_ONE_LINE, "ratio": 3}),
    ("category", _ONE_LINE),
    ("sure", {"justify": "right", "no_wrap": True}),
    ("tag", _ONE_LINE),
    ("route", _ONE_LINE),
    ("reply", _ONE_LINE),
    ("why", {**_ONE_LINE, "ratio": 2}),
)


def _cells(row: dict[str, Any]) -> list[str]:
    sure = "" if row["confidence"] is None else f"{row['confidence']:.2f}"
    return [
        row["subject"] or "(no subject)",
        row["category"] or "",
        sure,
        " ".join(row["tags"]),
        row["route"] or "",
        row["reply"] or "",
        row["skipped"] or row["why"],
    ]


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
    return sample.mails(folder / sample.MAILBOX / ".Drafts")


def _ledger(ledger: dict[str, dict[str, int]]) -> Text:
    lines = []
    for name, counts in ledger.items():
        others = sum(number for word, number in counts.items() if word != "seen")
        verdict = "it balances" if counts["seen"] == others else "IT DOES NOT BALANCE"
        lines.append(f"{ledger_line(name, counts)}  ({verdict})")
    return Text("\n".join(lines), "bold")


def _where(folder: Path) -> Text:
    settings = folder / sample.SETTINGS
    return Text(
        f"""
The mailbox    {folder / sample.MAILBOX}   (a Maildir: open it with any mail program that reads one)
The settings   {settings}
The log        {folder / sample.LOG}

Next:
  smartticket demo --dir {folder}          run again: nothing changes
  smartticket status --config {settings}
  smartticket run --config {settings} --dry-run --once"""
    )
