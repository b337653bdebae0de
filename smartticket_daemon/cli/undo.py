"""`smartticket undo` and `smartticket reconcile`: take decisions back; compare the ledger with the remote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartticket_daemon.cli.common import (
    ConfigOption,
    JsonOption,
    Moment,
    aware,
    load_settings,
    print_json,
    say,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smartticket_daemon.journal import SqlJournal
    from smartticket_daemon.pipeline import Source
    from smartticket_daemon.ports import Record

SourceName = Annotated[str | None, typer.Option("--source", help="One source only.")]


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[SqlJournal, dict[str, Source]]]:
    from smartticket_daemon import logs
    from smartticket_daemon.assemble import prepare
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_daemon.journal import journal_exists, open_journal

    logs.configure()
    configuration = load_settings(config)
    state_dir = configuration.settings.daemon.state_dir
    if not journal_exists(state_dir):
        raise SmartTicketError(f"nothing ran yet: {state_dir} holds no journal")
    journal = open_journal(state_dir)
    sources = {}
    try:
        sources = {source.name: source for source in prepare(configuration, journal)}
        yield journal, sources
    finally:
        for source in sources.values():
            source.connector.close()
        journal.close()


def undo(
    message: Annotated[str | None, typer.Argument(metavar="[ID]", help="A key, ticket or message.")] = None,
    since: Moment = None,
    until: Moment = None,
    source: SourceName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be undone.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back tags we added, routes we set and notes we wrote, of one message or of a time range (UTC)."""
    from smartticket_daemon.undoing import undo as take_back

    if (message is None) == (since is None and until is None):
        raise typer.BadParameter("name one message, or a time range with --since and --until")
    with _opened(config) as (journal, sources):
        records = _chosen(journal, message, since, until, source)
        act = _only_say if dry_run else take_back
        outcomes = [_one(record, sources, act, as_json=as_json) for record in records]
    counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    say(", ".join(f"{outcome} {count}" for outcome, count in counts.items()) or "nothing to undo")
    raise typer.Exit(1 if "failed" in counts else 0)


def _only_say(_source: Source, _record: Record) -> str:
    return "would_undo"


def _chosen(
    journal: SqlJournal,
    message: str | None,
    since: datetime | None,
    until: datetime | None,
    source: str | None,
) -> list[Record]:
    from smartticket_daemon.errors import SmartTicketError

    delivered = journal.delivered(source, aware(since), aware(until))
    if message is None:
        return list(reversed(delivered))
    keys = {record.key for record in journal.find(message)}
    if not keys:
        raise SmartTicketError(f"no message {message!r} in the journal")
    return [record for record in delivered if record.key in keys]


def _one(
    record: Record, sources: dict[str, Source], act: Callable[[Source, Record], str], *, as_json: bool
) -> str:
    from smartticket_daemon.errors import SmartTicketError

    reason = ""
    try:
        if record.ref.source not in sources:
            raise SmartTicketError("its source is not in the settings any more")
        outcome = act(sources[record.ref.source], record)
    except SmartTicketError as error:
        outcome, reason = "failed", str(error)
    _show({**_named(record), "outcome": outcome, "reason": reason}, as_json=as_json)
    return outcome


def _named(record: Record) -> dict[str, Any]:
    return {"key": record.key, "source": record.ref.source, "ticket": record.ref.ticket}


def _show(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        typer.echo("  ".join(str(value)[:32] for value in row.values() if value))


def reconcile(source: SourceName = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Compare what the journal says we changed with what stands there now; exit code 1 when they differ."""
    from smartticket_daemon.undoing import differences

    different = 0
    with _opened(config) as (journal, sources):
        for name, own in sources.items():
            if source is not None and name != source:
                continue
            records = journal.delivered(name)
            for record, found in differences(own, records):
                different += 1
                _show({**_named(record), "differences": found}, as_json=as_json)
            say(f"{name}: {len(records)} compared")
    say("no difference" if not different else f"{different} differ")
    raise typer.Exit(1 if different else 0)
