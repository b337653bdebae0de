"""`smartticket history pull`: a training file from the tickets that agents have solved."""

from __future__ import annotations

import sys
from pathlib import Path
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
from smartticket_daemon.cli.past import (
    ELSEWHERE,
    LabelField,
    LabelGroup,
    LabelTagPrefix,
    labels_of,
    named,
    opened,
)

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.cli.bar import Bar
    from smartticket_daemon.history.pulling import Pull
    from smartticket_daemon.history.training_file import Reached, TrainingFile

app = typer.Typer(help="What agents made of the tickets of the past.", no_args_is_help=True)

GOES_ON = "the same command goes on where it stopped"


@app.callback()
def _history() -> None:
    """Set what all of `history` shares."""


@app.command("pull")
def pull(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the settings.")],
    out: Annotated[Path, typer.Option("--out", help="The .jsonl file, or .jsonl.gz, for `train`.")],
    label_field: LabelField = None,
    label_tag_prefix: LabelTagPrefix = None,
    label_group: LabelGroup = False,
    since: Moment = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Write so many tickets at most, then end.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a training file from solved tickets; ended at any point, it goes on where it was (dates: UTC)."""
    from smartticket_daemon import logs
    from smartticket_daemon.cli.bar import Bar
    from smartticket_daemon.errors import TransientError
    from smartticket_daemon.history.pulling import Pull
    from smartticket_daemon.history.training_file import TrainingFile
    from smartticket_daemon.service import Stop

    logs.configure(quiet=sys.stderr.isatty())
    configuration = load_settings(config)
    _refuse_place(out, configuration)
    stop, error = Stop(), None
    with opened(source, configuration, stop) as own:
        labels = labels_of(label_field, label_tag_prefix, group=label_group, policy=own.judge.policy)
        file = TrainingFile(out)
        job = Pull(own, labels, file, aware(since), limit)
        with file.opened(job.wanted) as begun:
            job.reached = begun
            stop.install()
            try:
                if not begun.finished:
                    _run(job, Bar(stop), as_json=as_json)
            except TransientError as trouble:
                error = trouble
    code = error.exit_code if error else 75 if stop() and not job.reached.finished else 0
    end = f"{error}; {GOES_ON}" if error else _end(job.reached, stopped=bool(code))
    _conclude(job, file, end, as_json=as_json)
    raise typer.Exit(code)


def _refuse_place(out: Path, configuration: Configuration) -> None:
    from smartticket_daemon.errors import ConfigurationError

    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise typer.BadParameter("--out: the name must end with .jsonl or .jsonl.gz")
    state_dir = configuration.settings.daemon.state_dir
    if out.resolve().is_relative_to(state_dir.resolve()):
        raise ConfigurationError(f"{out} lies in the state directory, which holds no customers' text")


def _run(job: Pull, bar: Bar, *, as_json: bool) -> None:
    from smartticket_daemon.cli.bar import since_words

    kind, since = job.source.connector.kind, since_words(job.since)
    say(f"History of {job.source.name} ({kind}), newest first, label: {job.labels}{since}")
    _announce(job, bar, as_json=as_json)
    say("  nothing is written at the source")

    def moved(reached: Reached) -> None:
        bar.show(f"written {reached.written:,}", completed=reached.read)

    with bar:
        job.run(moved, bar.wait)


def _announce(job: Pull, bar: Bar, *, as_json: bool) -> None:
    from dataclasses import asdict

    from smartticket_daemon.cli.bar import duration, number

    begun, estimate = job.reached, job.estimate()
    bar.show(total=None if estimate.tickets is None else begun.read + estimate.tickets)
    if as_json:
        print_json({"estimate": {**job.wanted, "before": begun.read, **asdict(estimate)}})
    left = f" left, {begun.read:,} were read by earlier runs" if begun.read else ""
    calls = number(estimate.calls, "calls", ", ")
    say(f"  {number(estimate.tickets, 'tickets')}{left}{calls}, {duration(estimate.minutes)}")


def _end(reached: Reached, *, stopped: bool) -> str:
    if reached.finished:
        return "finished, nothing is left; for tickets solved since, name another file"
    return f"{'stopped' if stopped else 'limit reached'}; {GOES_ON}"


def _conclude(job: Pull, file: TrainingFile, end: str, *, as_json: bool) -> None:
    from smartticket_daemon.cli.bar import counted

    reached = job.reached

    told: dict[str, Any] = {**job.wanted, "file": str(file.path), "read": reached.read}
    told |= {
        "written": reached.written,
        "left_out": reached.left_out,
        "finished": reached.finished,
        "end": end,
    }
    if as_json:
        print_json({"history": told})
        return
    typer.echo(
        f"{job.source.name}: {reached.read:,} tickets read, {reached.written:,} written to {file.path}"
    )
    if reached.left_out:
        typer.echo(f"  left out: {counted(dict(named(reached.left_out)))}")
    if not reached.written and "no_label" in reached.left_out:
        typer.echo(f"no label was found at: {job.labels}; {ELSEWHERE}")
    typer.echo(end)
    if reached.finished and reached.written:
        columns = "--label label --subject subject --body body --group group --time created"
        typer.echo(f"next: smartticket train --data {file.path} {columns} --out MODEL")
