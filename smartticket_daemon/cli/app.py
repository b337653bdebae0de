"""Assembles the commands. Nothing heavy is imported here: `--help` must answer at once."""

from __future__ import annotations

from typing import Annotated

import typer

from smartticket_daemon import __version__
from smartticket_daemon.cli import (
    assess,
    backfill,
    config,
    demo,
    explain,
    history,
    models,
    predict,
    quarantine,
    run,
    status,
    train,
    undo,
)

app = typer.Typer(
    name="smartticket",
    help="Classifies, tags and routes support tickets and suggests replies as internal notes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"smartticket {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Set what every command shares."""


app.command("run")(run.run)
app.command("check")(config.check)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("status")(status.status)
app.command("assess")(assess.assess)
app.command("backfill")(backfill.backfill)
app.command("undo")(undo.undo)
app.command("reconcile")(undo.reconcile)
app.command("train")(train.train)
app.command("evaluate")(train.evaluate)
app.command("demo")(demo.demo)
app.add_typer(history.app, name="history")
app.add_typer(models.app, name="models")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(config.app, name="config")
