"""`smartticket models list|promote|rollback`: which model judges, and which one shall."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, load_settings, print_json, say

if TYPE_CHECKING:
    from smartticket_config.settings import Settings
    from smartticket_daemon.cli.models_gate import Weighed
    from smartticket_daemon.models import Shelf, Step
    from smartticket_model import Model

app = typer.Typer(help="Which model judges: list, promote, roll back.", no_args_is_help=True)


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The models that were promoted here, and the shipped default; * marks the one that judges.

    Accuracy and coverage are those of each model's own training, on rows that it had not seen. With --json
    one object: current (digest), models, history (every promotion and roll-back with its comparison).
    """
    from smartticket_daemon.assemble import named_folder
    from smartticket_daemon.cli.models_view import as_rows, print_models
    from smartticket_daemon.models import Shelf

    settings = load_settings(config).settings
    shelf, elsewhere = Shelf(settings.daemon.state_dir), named_folder(settings)
    registry = shelf.registry()
    rows = as_rows(registry, shelf.judging(), none_judges=elsewhere is not None)
    if as_json:
        current = next((row["digest"] for row in rows if row["current"]), None)
        print_json({"current": current, "models": rows, "history": [asdict(s) for s in registry.steps]})
        return
    print_models(rows)
    if elsewhere:
        say(f"none of these judges: [model] path in the settings is {elsewhere}")


@app.command("promote")
def promote(
    model: Annotated[
        str, typer.Argument(metavar="DIR|DIGEST", help="A model's folder, or a digest of `models list`.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Labelled tickets that neither model has seen.")
    ] = None,
    label: Annotated[str | None, typer.Option("--label", help="Its column with the category.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Its text column; or else")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="its subject column, and")] = None,
    body: Annotated[str | None, typer.Option("--body", help="its body column.")] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Rows that belong together: a thread, a sender.")
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="The file's encoding.")] = "utf-8",
    force: Annotated[bool, typer.Option("--force", help="Promote whatever speaks against it.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let another model judge, unless it is worse than the running one on the same tickets.

    The running daemon takes it up with its next batch, without a restart. Compare on tickets that are
    younger than those of both trainings: on those it was trained on a model looks better than it is. The
    very file of a training is recognised and refused; single rows of it cannot be, for a model holds no text.

    Exit code 1: something speaks against it (worse beyond chance, nothing was compared, categories that do
    not fit the settings), and --force overrules that. 65: the file is refused. 75: another promotion is
    under way. 78: the model cannot be used.
    """
    from smartticket_daemon.cli.models_gate import HeldOut, weigh
    from smartticket_daemon.cli.models_view import print_comparison
    from smartticket_training.dataset import Columns

    if data is None and (label or text or subject or body or group):
        raise typer.BadParameter("--label, --text, --subject, --body and --group name columns of --data FILE")
    if data and (not label or bool(text) == bool(subject and body)):
        raise typer.BadParameter(
            "with --data name --label COL, and --text COL or --subject COL and --body COL"
        )
    settings = load_settings(config).settings
    shelf = _shelf(settings)
    columns = Columns(label or "", text, subject, body, group) if data else None
    held_out = HeldOut(data, columns, encoding) if data and columns else None
    with shelf.held():
        folder, candidate = _found(shelf, model)
        weighed = weigh(settings, candidate, held_out)
        told = {"digest": candidate.digest, "against": weighed.against, "compared": weighed.told}
        if allowed := force or not weighed.against:
            digest = candidate.digest if folder else None
            shelf.choose(_step("promote", digest, shelf.judging(), weighed, data), folder)
    if as_json:
        print_json({"promoted": allowed, **told})
    elif weighed.comparison:
        print_comparison(weighed.comparison)
    for reason in weighed.against:
        say(f"against it: {reason}")
    say(f"{candidate.digest[:12]} " + ("judges from the next batch on" if allowed else "is not promoted"))
    raise typer.Exit(0 if allowed else 1)


@app.command("rollback")
def rollback(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Go back to the model before this one; before the first there is the shipped default.

    Exit code 1: there is nothing to go back to. 78: that model is gone, or does not fit the settings.
    """
    from smartticket_daemon.assemble import load_replies, refuse_misfit
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_model import load

    settings = load_settings(config).settings
    shelf = _shelf(settings)
    with shelf.held():
        line = shelf.registry().line()
        if len(line) < 2:
            raise SmartTicketError(
                "nothing to go back to: no model was promoted here, the shipped default judges"
            )
        digest = line[-2]
        model = load(shelf.folder_of(digest), digest) if digest else load()
        refuse_misfit(settings, model, load_replies(settings))
        shelf.choose(_step("rollback", digest, shelf.judging()))
    if as_json:
        print_json({"digest": model.digest, "before": line[-1], "shipped": digest is None})
    say(f"{model.digest[:12]}{'' if digest else ', the shipped default,'} judges from the next batch on")


def _shelf(settings: Settings) -> Shelf:
    """Where promoted models lie. Raises ConfigurationError where the settings let none of them judge."""
    from smartticket_daemon.assemble import named_folder
    from smartticket_daemon.errors import ConfigurationError
    from smartticket_daemon.models import Shelf

    shelf = Shelf(settings.daemon.state_dir)
    if elsewhere := named_folder(settings):
        words = f"[model] path in the settings is {elsewhere}, so no promoted model would judge"
        raise ConfigurationError(f"{words}; take it out, or write {shelf.current}")
    return shelf


def _found(shelf: Shelf, named: str) -> tuple[Path | None, Model]:
    """The model that a folder or the beginning of a digest names; no folder: the shipped default."""
    from smartticket_daemon.errors import ModelError
    from smartticket_model import load

    if Path(named).is_dir():
        return Path(named), load(named)
    shipped = load()
    digests = [shipped.digest, *(kept.digest for kept in shelf.registry().models)]
    found = [digest for digest in digests if len(named) >= 4 and digest.startswith(named)]
    if len(found) != 1:
        words = "several models have digests that begin so" if found else "no such folder, and no such digest"
        raise ModelError(f"{named}: {words}; see `smartticket models list`")
    if found[0] == shipped.digest:
        return None, shipped
    folder = shelf.folder_of(found[0])
    return folder, load(folder, found[0])


def _step(
    command: Literal["promote", "rollback"],
    digest: str | None,
    before: str | None,
    weighed: Weighed | None = None,
    data: Path | None = None,
) -> Step:
    from smartticket_daemon.models import Step

    comparison = weighed.comparison if weighed else None
    return Step(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        digest=digest,
        before=before,
        data=data.name if data else None,
        rows=comparison.rows if comparison else None,
        compared=comparison.told() if comparison else None,
        against=weighed.against if weighed else (),
    )
