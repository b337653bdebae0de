"""A demonstration on Zendesk without an account: the double of it, and the real program.

    make demo-zendesk

Fills the double with tickets from the project's own corpus, lets people work on some, runs `smartticket
check`, `run --once` twice and `undo`, and shows what stands in the account.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from smartticket_training.corpus import CATEGORIES, load_corpus
from tests.doubles.hour import Hour
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_state import GROUPS, Record

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
A_CATEGORY = 3
WIDTH = 150

SETTINGS = """\
[daemon]
state_dir = "{folder}/state"

[policy]
why = true                     # notes end with the words that decided

[categories]
billing.route = "Billing"
complaint_feedback.route = "Complaints"

[sources.acme]
kind = "zendesk"
url = "{url}"
client_id = "triage"
client_secret_file = "{folder}/secret"
start = "all"
budget = 1.0
"""


def main() -> None:
    """Everything, told on standard output."""
    console = Console(width=WIDTH, highlight=False)
    with tempfile.TemporaryDirectory() as name, ZendeskDouble(Hour(datetime.now(UTC))) as double:
        folder = Path(name)
        (folder / "secret").write_text(double.secret, "utf-8")
        config = folder / "smartticket.toml"
        config.write_text(SETTINGS.format(folder=folder, url=double.url), "utf-8")
        double.hour.forward(-timedelta(hours=3).total_seconds())
        fill(double)
        double.hour.forward(timedelta(minutes=5).total_seconds())
        double.pace = 2
        for arguments in (("check",), ("run", "--once")):
            told(console, config, *arguments)
        console.print(account(double), note_of(double), calls(double), sep="\n")
        told(console, config, "run", "--once")
        told(console, config, "undo", "--source", "acme", "--since", f"{datetime.now(UTC):%Y-%m-%d}")
        console.print(account(double))


def fill(double: ZendeskDouble) -> None:
    """Customers write; then an agent answers one ticket, decides another and closes a third."""
    for category in CATEGORIES:
        tickets = [t for t in load_corpus() if t.category == category and t.held_back and t.language == "en"]
        for ticket in tickets[:A_CATEGORY]:
            double.create(ticket.subject or ticket.body[:40], ticket.body, f"{ticket.id}@customer.example")
            double.hour.forward(60)
    answered, decided, closed, *_ = double.tickets
    double.speak(answered)
    double.change(decided, tags=["category__billing", "vip"])
    double.change(closed, status="closed")


def told(console: Console, config: Path, *arguments: str) -> None:
    """One command of the program, and what it says."""
    console.print(Text(f"\n$ smartticket {' '.join(arguments)}", "bold"))
    done = subprocess.run(
        [PROGRAM, *arguments, "--config", config], capture_output=True, text=True, timeout=300, check=False
    )
    lines = done.stdout + "\n".join(line for line in done.stderr.splitlines() if not line.startswith("{"))
    console.print(Text(lines.replace(str(config.parent), "~").strip()))


def account(double: ZendeskDouble) -> Table:
    """The tickets as an agent sees them."""
    table = Table(title="the account", title_justify="left")
    for column in ("ticket", "status", "subject", "tags", "group", "internal notes"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for record in double.tickets.values():
        table.add_row(*map(Text, cells(double, record)))
    return table


def cells(double: ZendeskDouble, record: Record) -> tuple[str, ...]:
    notes = [note for note in double.notes(record.id) if not note["public"]]
    group = GROUPS[record.group] if record.group else "-"
    tags = " ".join(record.tags)
    return str(record.id), record.status, record.subject[:50], tags, group, str(len(notes) or "-")


def note_of(double: ZendeskDouble) -> Panel:
    """The first internal note, as it reads."""
    number, note = next((number, note) for number in double.tickets for note in double.notes(number))
    plain = re.sub(r"<[^>]+>", "", str(note["html_body"]).replace("<br>", "\n").replace("</p>", "\n\n"))
    title = f"internal note on ticket {number} (public: {note['public']})"
    return Panel(Text(html.unescape(plain).strip()), title=title, title_align="left", width=100)


def calls(double: ZendeskDouble) -> Text:
    """What it cost."""
    writes = Counter(double.writes)
    return Text(
        f"{len(double.requests)} calls, {len(double.writes)} of them writes on {len(writes)} tickets; "
        f"public comments by us: {double.public}",
        "bold",
    )


if __name__ == "__main__":
    main()
