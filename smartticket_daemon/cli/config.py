"""`smartticket config schema|show` and `smartticket check`."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, load_settings, print_json

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration, Settings
    from smartticket_daemon.domain import Finding
    from smartticket_model import Model

app = typer.Typer(help="The settings: their schema, and those in force.", no_args_is_help=True)


@app.command("schema")
def schema() -> None:
    """The JSON Schema of the settings file, with every installed connector's own keys."""
    from smartticket_config.schema import settings_schema

    typer.echo(json.dumps(settings_schema(), indent=2))


@app.command("show")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The settings in force, defaults and environment included; secrets are never shown."""
    configuration = load_settings(config)
    shown: dict[str, Any] = configuration.settings.model_dump(mode="json", exclude={"sources"})
    shown["sources"] = {n: s.model_dump(mode="json") for n, s in configuration.sources.items()}
    print_json(shown) if as_json else typer.echo(json.dumps(shown, indent=2))


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look at everything the daemon needs and report every problem at once."""
    from smartticket_daemon import logs
    from smartticket_daemon.polling import gravest

    logs.configure()
    configuration = load_settings(config)
    findings = list(_findings(configuration))
    for place, finding in findings:
        if as_json:
            shown = {"place": place, "ok": finding.ok, "text": finding.text, "mend": finding.mend}
            print_json(shown)
        else:
            mend = f" - {finding.mend}" if finding.mend and not finding.ok else ""
            typer.echo(f"{'ok  ' if finding.ok else 'BAD '} {place}: {finding.text}{mend}")
    raise typer.Exit(gravest([f.exit_code for _, f in findings if not f.ok]))


def _findings(configuration: Configuration) -> Iterator[tuple[str, Finding]]:
    from smartticket_daemon.domain import Finding
    from smartticket_daemon.errors import ModelError, SmartTicketError
    from smartticket_daemon.registry import connector_class

    yield "settings", _sources(configuration)
    yield "state", _state(configuration.settings.daemon.state_dir)
    try:
        routes = yield from _fit(configuration)
    except SmartTicketError as error:
        routes = frozenset()
        place = "model" if isinstance(error, ModelError) else "replies"
        yield place, Finding(False, str(error), exit_code=error.exit_code)
    for name, own in configuration.sources.items():
        connector = connector_class(own.kind)(name, own)
        try:
            for finding in connector.check(routes).findings:
                yield name, finding
        except SmartTicketError as error:
            yield name, Finding(False, str(error), exit_code=error.exit_code)
        finally:
            connector.close()


def _fit(configuration: Configuration) -> Generator[tuple[str, Finding], None, frozenset[str]]:
    from smartticket_daemon.assemble import check_fit, load_model, load_replies
    from smartticket_daemon.domain import Finding

    settings = configuration.settings
    model = load_model(settings)
    yield "model", Finding(True, f"{len(model.categories)} categories, digest {model.digest[:12]}")
    if always := _never_sure(settings, model):
        yield "model", Finding(True, f"always abstain at this target_precision: {', '.join(always)}")
    wrong = check_fit(settings, model, load_replies(settings))
    for text in wrong:
        yield "settings", Finding(False, text)
    if not wrong:
        yield "replies", Finding(True, "every category has one")
    return frozenset(c.route for c in settings.categories.values() if c.route)


def _sources(configuration: Configuration) -> Finding:
    from smartticket_daemon.domain import Finding

    if configuration.sources:
        return Finding(True, f"{len(configuration.sources)} sources")
    return Finding(False, "no source is configured", "add a [sources.NAME] table to the settings")


def _never_sure(settings: Settings, model: Model) -> list[str]:
    """Categories that cannot reach the target precision, and have no threshold of their own."""
    wanted = settings.policy.target_precision
    reached = model.thresholds if wanted is None else model.thresholds_at(wanted)
    own = {name for name, category in settings.categories.items() if category.threshold is not None}
    return [name for name in model.categories if name not in reached and name not in own]


def _state(folder: Path) -> Finding:
    """Whether the state directory can be written and its journal read; the first start makes both."""
    import os

    from smartticket_daemon.domain import Finding
    from smartticket_daemon.errors import JournalError
    from smartticket_daemon.journal import journal_exists, open_journal

    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return Finding(False, f"{folder} cannot be written", f"make it writable for user {os.getuid()}")
    try:
        if journal_exists(folder):
            open_journal(folder).close()
    except JournalError as error:
        return Finding(False, str(error), exit_code=error.exit_code)
    return Finding(True, f"{folder} can be written")
