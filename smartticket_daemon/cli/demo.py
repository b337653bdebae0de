"""`smartticket demo`: the real daemon, once, over a sample mailbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartticket_daemon.cli.common import JsonOption, print_json

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.judge import Verdict

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--dir", help="Where to build the sample mailbox, or run on an earlier one.", show_default="a new one"
    ),
]


def demo(folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Build a sample mailbox, run the real daemon over it once, show what became of it."""
    from smartticket_config.settings import load
    from smartticket_daemon import logs
    from smartticket_daemon.demo import sample

    place = sample.lay_out(folder)
    configuration = load(place / sample.SETTINGS)
    with (place / sample.LOG).open("a", encoding="utf-8") as stream:
        logs.configure(stream=stream)
        before = sample.fingerprint(place)
        rows, ledger, code = _run_once(configuration)
        unchanged = sample.fingerprint(place) == before
    if as_json:
        for row in rows:
            print_json(row)
        print_json({"ledger": ledger})
    else:
        from smartticket_daemon.cli.demo_view import show

        show(place, rows, ledger, unchanged=unchanged)
    raise typer.Exit(code)


def _run_once(configuration: Configuration) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]], int]:
    """What `run --once` does, with every verdict noted on the way."""
    from smartticket_daemon.assemble import prepare
    from smartticket_daemon.cli.dry_run import proposal
    from smartticket_daemon.journal import hold_state, open_journal
    from smartticket_daemon.runner import run_once

    rows: list[dict[str, Any]] = []

    def note(name: str, verdict: Verdict) -> None:
        rows.append(proposal(name, verdict, by_name[name]))

    state = configuration.settings.daemon.state_dir
    with hold_state(state):
        journal = open_journal(state)
        try:
            sources = prepare(configuration, journal, watch=note)
            by_name = {source.name: source for source in sources}
            code = run_once(sources)
            return rows, journal.ledger(), code
        finally:
            journal.close()
