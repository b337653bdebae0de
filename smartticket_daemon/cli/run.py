"""`smartticket run`: the daemon, one round, or a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smartticket_daemon.cli.common import (
    ConfigOption,
    JsonOption,
    ledger_line,
    load_settings,
    print_json,
)

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.ports import Journal


def run(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="One poll of every source, then exit.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print proposed routings; change nothing anywhere.")
    ] = False,
    as_json: JsonOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="More log events.")] = False,
) -> None:
    """Poll the sources, triage what is new, deliver what is due."""
    from smartticket_daemon import logs

    logs.configure(verbose=verbose, quiet=dry_run)
    configuration = load_settings(config)
    if dry_run:
        from smartticket_daemon.cli.dry_run import rehearse

        raise typer.Exit(rehearse(configuration, once=once, as_json=as_json))
    raise typer.Exit(_run(configuration, once=once, as_json=as_json))


def _run(configuration: Configuration, *, once: bool, as_json: bool) -> int:
    from smartticket_daemon.assemble import need_sources, prepare, watching_people
    from smartticket_daemon.journal import hold_state, open_journal
    from smartticket_daemon.runner import Daemon, run_once
    from smartticket_daemon.service import Stop

    need_sources(configuration)
    stop = Stop()
    stop.install()
    daemon = configuration.settings.daemon
    with hold_state(daemon.state_dir):
        journal = open_journal(daemon.state_dir)
        try:
            sources = prepare(configuration, journal, stopping=stop, noted=True)
            work = watching_people(configuration.settings)
            if not once:
                return Daemon(sources, daemon.poll_interval.total_seconds(), stop, work).run()
            code = run_once(sources, work)
            print_ledger(journal, list(configuration.sources), as_json=as_json)
            return code
        finally:
            journal.close()


def print_ledger(journal: Journal, names: list[str], *, as_json: bool) -> None:
    """The ledger of every source, on the last line(s) of standard output."""
    from smartticket_daemon.ports import LEDGER_WORDS

    found = journal.ledger()
    ledger = {name: found.get(name) or dict.fromkeys(LEDGER_WORDS, 0) for name in names}
    if as_json:
        print_json({"ledger": ledger})
        return
    for name, counts in ledger.items():
        typer.echo(ledger_line(name, counts))
