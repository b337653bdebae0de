"""`smartticket status`: what happened and how each source fares."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from smartticket_daemon.cli.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.models import InUse
    from smartticket_daemon.ports import Health, Journal


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The ledger and the health of every source; the exit code is not 0 while one of them is failing."""
    from smartticket_daemon.cli.feedback_view import feedback_of, print_feedback
    from smartticket_daemon.journal import holder, journal_exists, open_journal
    from smartticket_daemon.models import read_in_use
    from smartticket_daemon.polling import gravest

    configuration = load_settings(config)
    state_dir = configuration.settings.daemon.state_dir
    if not journal_exists(state_dir):
        print_json({"sources": {}}) if as_json else typer.echo("nothing ran yet")
        return
    running, now = holder(state_dir), datetime.now(UTC)
    journal = open_journal(state_dir)
    try:
        feedback = feedback_of(journal, now)
        sources = _sources(configuration, journal, running.since if running else None)
    finally:
        journal.close()
    daemon, model = running.words if running else None, _model(read_in_use(state_dir))
    if as_json:
        print_json({"daemon": daemon, "model": model, "sources": sources, "feedback": feedback})
    else:
        _print_sources(sources, daemon)
        print_feedback(feedback, now)
        _print_model(model)
    codes = [source["exit_code"] for source in sources.values()]
    raise typer.Exit(gravest([*codes, model["exit_code"] if model else 0]))


def _model(in_use: InUse | None) -> dict[str, Any] | None:
    return {**asdict(in_use), "exit_code": in_use.exit_code} if in_use else None


def _print_model(model: dict[str, Any] | None) -> None:
    if model is None:
        return
    if model["digest"]:
        typer.echo(f"model: {model['digest'][:12]} since {model['since']}")
    if model["error"]:
        typer.echo(f"model: the one that shall judge cannot be used: {model['error']}")


def _sources(
    configuration: Configuration, journal: Journal, running_since: datetime | None
) -> dict[str, dict[str, Any]]:
    from smartticket_daemon.ports import LEDGER_WORDS

    ledger, reasons, now = journal.ledger(), journal.reasons(), datetime.now(UTC)
    names = [*configuration.sources, *(n for n in ledger if n not in configuration.sources)]
    patience = 3 * configuration.settings.daemon.poll_interval + timedelta(seconds=120)
    found = {}
    for name in names:
        health = journal.health(name)
        found[name] = {
            **(ledger.get(name) or dict.fromkeys(LEDGER_WORDS, 0)),
            "due": journal.due(name, now),
            "skip_reasons": reasons.get(name, {}),
            **_health(health, overdue=_overdue(health, running_since, now - patience)),
        }
    return found


def _overdue(health: Health, running_since: datetime | None, oldest: datetime) -> bool:
    """Whether a running daemon has let a source wait since before `oldest`, from its own start on."""
    return running_since is not None and max(health.last_poll or running_since, running_since) < oldest


def _health(health: Health, *, overdue: bool) -> dict[str, Any]:
    failing, stuck = health.failing_since is not None, "no poll for too long: the source is stuck"
    return {
        "health": "failing" if failing or overdue else "ok",
        "error": health.error or (stuck if overdue else ""),
        "exit_code": health.exit_code if failing else 70 if overdue else 0,
        "failing_since": _iso(health.failing_since),
        "waits_until": _iso(health.not_before),
        "last_poll": _iso(health.last_poll),
        "last_success": _iso(health.last_success),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _print_sources(sources: dict[str, dict[str, Any]], running: str | None) -> None:
    from smartticket_daemon.cli.common import ledger_line
    from smartticket_daemon.ports import LEDGER_WORDS

    rows = [[name, *(str(s[w]) for w in LEDGER_WORDS), s["health"]] for name, s in sources.items()]
    print_table("", ["source", *LEDGER_WORDS, "health"], rows)
    typer.echo(f"daemon: {running}" if running else "daemon: not running")
    for name, source in sources.items():
        if source["skip_reasons"]:
            counts = ", ".join(f"{reason} {n}" for reason, n in source["skip_reasons"].items())
            typer.echo(f"{name} skipped: {counts}")
        if source["error"]:
            typer.echo(f"{name} is failing since {source['failing_since']}: {source['error']}")
        typer.echo(ledger_line(name, {word: source[word] for word in LEDGER_WORDS}))
