"""`smartticket quarantine list|replay|drop`: work that failed for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from smartticket_daemon.cli.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.journal import SqlJournal
    from smartticket_daemon.ports import Quarantined

app = typer.Typer(help="List, replay or drop work that failed for good.", no_args_is_help=True)

Keys = Annotated[list[str] | None, typer.Argument(metavar="KEY...", help="Keys, or their beginnings.")]
All = Annotated[bool, typer.Option("--all", help="Everything in quarantine.")]


@contextmanager
def _opened(configuration: Configuration) -> Iterator[SqlJournal]:
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_daemon.journal import journal_exists, open_journal

    state_dir = configuration.settings.daemon.state_dir
    if not journal_exists(state_dir):
        raise SmartTicketError(f"nothing ran yet: {state_dir} holds no journal")
    journal = open_journal(state_dir)
    try:
        yield journal
    finally:
        journal.close()


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """What lies in quarantine, and why."""
    with _opened(load_settings(config)) as journal:
        items = journal.quarantined()
    if as_json:
        for item in items:
            print_json(
                {
                    "key": item.key,
                    "source": item.ref.source,
                    "ticket": item.ref.ticket,
                    "reason": item.reason,
                    "attempts": item.attempts,
                    "since": item.since.isoformat(timespec="seconds"),
                }
            )
        return
    rows = [
        [i.key[:12], i.ref.source, i.ref.ticket[:24], f"{i.since:%Y-%m-%d %H:%M}", str(i.attempts), i.reason]
        for i in items
    ]
    print_table("", ["key", "source", "ticket", "since (UTC)", "attempts", "reason"], rows)


@app.command("drop")
def drop(
    keys: Keys = None, every: All = False, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Give work up for good: it counts as skipped, reason `dropped`."""
    with _opened(load_settings(config)) as journal:
        items = _chosen(journal, keys or [], every=every)
        done = sum(journal.drop(item.key, datetime.now(UTC)) for item in items)
    if as_json:
        print_json({"dropped": done})
    say(f"{done} dropped")


@app.command("replay")
def replay(
    keys: Keys = None, every: All = False, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Put work back in line; the daemon (or `run --once`) takes it up at its next round."""
    from smartticket_daemon.assemble import prepare
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_daemon.replaying import replay as put_back

    configuration = load_settings(config)
    done, left = 0, 0
    with _opened(configuration) as journal:
        sources = {source.name: source for source in prepare(configuration, journal)}
        for item in _chosen(journal, keys or [], every=every):
            try:
                if item.ref.source not in sources:
                    raise SmartTicketError("its source is not in the settings any more")
                done += put_back(sources[item.ref.source], item)
            except SmartTicketError as error:
                left += 1
                say(f"smartticket: {item.key[:12]} stays in quarantine: {error}")
        for source in sources.values():
            source.connector.close()
    if as_json:
        print_json({"replayed": done, "left": left})
    say(f"{done} put back in line")
    raise typer.Exit(1 if left else 0)


def _chosen(journal: SqlJournal, keys: list[str], *, every: bool) -> list[Quarantined]:
    from smartticket_daemon.errors import SmartTicketError

    if not keys and not every:
        raise typer.BadParameter("name the keys, or say --all")
    items = journal.quarantined()
    if every:
        return items
    for key in keys:
        if not any(item.key.startswith(key) for item in items):
            raise SmartTicketError(f"no {key!r} in quarantine")
    return [item for item in items if any(item.key.startswith(key) for key in keys)]
