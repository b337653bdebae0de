"""`smartticket backfill`: triage what lies at a source already, newest first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, Moment, aware, load_settings
from smartticket_daemon.cli.past import need_source

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.ports import Journal


def backfill(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the settings.")],
    since: Moment = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many tickets that were not known.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin at the newest again; what is known is passed over.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print proposed routings; change nothing anywhere.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it starts.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Triage an existing backlog, newest first; ended at any point, it goes on where it was (dates: UTC)."""
    from smartticket_daemon import logs
    from smartticket_daemon.assemble import prepare
    from smartticket_daemon.backfilling import Walk, first_poll
    from smartticket_daemon.cli.backfill_view import View
    from smartticket_daemon.cli.dry_run import scratch_journal
    from smartticket_daemon.polling import verify
    from smartticket_daemon.service import Stop

    logs.configure(quiet=dry_run or sys.stderr.isatty())
    configuration = load_settings(config)
    need_source(source, configuration)
    asks = not (yes or dry_run)
    if asks and not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on; --yes starts without asking")
    stop = Stop()
    view = View(stop, dry_run=dry_run, as_json=as_json)
    with (scratch_journal if dry_run else _held_journal)(configuration) as journal:
        sources = prepare(configuration, journal, stop, view.verdict if dry_run else None)
        own = next(one for one in sources if one.name == source)
        with closing(own.connector):
            walk = Walk(own, aware(since), limit)
            if again:
                walk.restart()
            if not (dry_run or own.held_until):
                verify(own)  # before the question, and because some limits are told to those who write only
            view.announce(walk)
            if asks and not walk.finished:
                typer.confirm("Go on?", err=True, abort=True)
            stop.install()
            with view:
                if configuration.sources[source].start == "now" and not dry_run:
                    first_poll(own, view)
                code = walk.rehearse(view) if dry_run else walk.run(view)
            view.conclude(walk, code)
    raise typer.Exit(code)


@contextmanager
def _held_journal(configuration: Configuration) -> Iterator[Journal]:
    """From before the question to the end, so that the estimate stays true."""
    from smartticket_daemon.journal import hold_state, open_journal

    state_dir = configuration.settings.daemon.state_dir
    with hold_state(state_dir), closing(open_journal(state_dir)) as journal:
        yield journal
