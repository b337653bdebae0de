"""`smartticket train` and `smartticket evaluate`: a model of one's own, and how good one is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, print_json, print_table, say

_DATA = typer.Option("--data", help="A .csv or .jsonl file, plain or .gz.")
_LABEL = typer.Option("--label", help="Its column with the category.")
Data = Annotated[Path, _DATA]
Label = Annotated[str, _LABEL]
Text = Annotated[str | None, typer.Option("--text", help="Its text column; or else")]
Subject = Annotated[str | None, typer.Option("--subject", help="its subject column, and")]
Body = Annotated[str | None, typer.Option("--body", help="its body column.")]
Encoding = Annotated[str, typer.Option("--encoding", help="The file's encoding.")]


FEWEST = 8
"""So many characters of a key name one sender and nobody else."""


class Features(StrEnum):
    """What a text is taken apart into."""

    FULL = "full"
    WORD = "word"


class SmallClasses(StrEnum):
    """What becomes of categories with few rows."""

    KEEP = "keep"
    MERGE = "merge"
    DROP = "drop"


def train(
    out: Annotated[Path, typer.Option("--out", help="The folder for the model; must be empty or new.")],
    data: Annotated[Path | None, _DATA] = None,
    label: Annotated[str | None, _LABEL] = None,
    text: Text = None,
    subject: Subject = None,
    body: Body = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Rows that belong together: a thread, a sender.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", help="When it came: the latest rows measure a model of the others."),
    ] = None,
    held_out: Annotated[
        float | None,
        typer.Option("--held-out", help="Share of rows to measure on [0.2 with --time, else 0]."),
    ] = None,
    priority: Annotated[str | None, typer.Option("--priority", help="Its column with the priority.")] = None,
    sentiment: Annotated[
        str | None, typer.Option("--sentiment", help="Its column with the sentiment.")
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="Another column to predict, as NAME=COLUMN; repeatable."),
    ] = None,
    out_of_scope: Annotated[
        Path | None, typer.Option("--out-of-scope", help="A file of messages that belong to no category.")
    ] = None,
    small_classes: Annotated[
        SmallClasses, typer.Option("--small-classes", help="Categories of fewer than 10 rows.")
    ] = SmallClasses.KEEP,
    target_precision: Annotated[
        float, typer.Option("--target-precision", help="Share of applied categories that shall be right.")
    ] = 0.90,
    seed: Annotated[int, typer.Option("--seed", help="Same data, same seed: same bytes.")] = 0,
    features: Annotated[Features, typer.Option("--features", help="Words and characters, or words.")] = (
        Features.FULL
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace what stands in --out.")] = False,
    pipeline: Annotated[
        Path | None, typer.Option("--pipeline", help="Also write a scikit-learn pipeline with joblib.")
    ] = None,
    encoding: Encoding = "utf-8",
    jobs: Annotated[int, typer.Option("--jobs", help="Parts at once; -1 is one for each core.")] = -1,
    backend: Annotated[
        str, typer.Option("--backend", help="Where they run: threading, loky, or a Dask scheduler's address.")
    ] = "threading",
    with_feedback: Annotated[
        bool, typer.Option("--with-feedback", help="Add what agents corrected, as --config's daemon saw it.")
    ] = False,
    with_confirmations: Annotated[
        bool,
        typer.Option("--with-confirmations", help="Also what they left as it was on finished tickets."),
    ] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option("--trust", metavar="KEY", help="Learn from this sender, whom a model contradicts."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="The report, an HTML file [the name of --out with .html].")
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write neither report nor card.")] = False,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", help="A model to compare with [the one at work with --config]."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model on your own labelled tickets, on what agents corrected, or both.

    Without --data, --with-feedback adds to the tickets that the shipped model learnt from.

    With --json one object: model (folder), digest, rows, dropped, in_memory, near_duplicates, small,
    categories, target_precision, thresholds, out_of_reach, out_of_fold, held_out, heads, feedback, report,
    card, pipeline, seconds, memory_mib (peak of this process).

    Exit code 65: the data are refused. 78: so is an option, or a place to write to.
    """
    from smartticket_daemon.cli.train_view import Stages

    _refuse_idle(with_feedback, with_confirmations, trust or [], no_report, report or compare)
    if data is None or label is None:
        columns = [text, subject, body, group, time, priority, sentiment, out_of_scope, *(head or [])]
        _feedback_alone(data, label, with_feedback, columns)
    else:
        _one_way(text, subject, body)
    heads = _heads(head or [], priority=priority, sentiment=sentiment)
    page = None if no_report else report or out.absolute().with_name(f"{out.absolute().name}.html")
    api = _training()
    lessons = _lessons(config, trust or [], confirmations=with_confirmations) if with_feedback else ()
    with Stages(page, corrections=bool(lessons)) as stages:
        trained = api.train(
            data,
            label,
            out=out,
            text=text,
            subject=subject,
            body=body,
            group=group,
            time=time,
            heads=heads,
            out_of_scope=out_of_scope,
            held_out=held_out,
            small_classes=small_classes.value,
            target_precision=target_precision,
            seed=seed,
            force=force,
            features=features.value,
            encoding=encoding,
            pipeline=pipeline,
            jobs=jobs,
            backend=backend,
            lessons=lessons,
            report=page,
            compare=_at_work(compare, config) if page else None,
            progress=stages,
        )
    stages.conclude(trained, small_classes.value, pipeline, as_json=as_json)


def _refuse_idle(
    feedback: bool, confirmations: bool, trust: Sequence[str], no_report: bool, for_report: object
) -> None:
    """Options that would do nothing are a mistake."""
    if confirmations and not feedback:
        raise typer.BadParameter("--with-confirmations adds to --with-feedback: name that as well")
    if trust and not feedback:
        raise typer.BadParameter("--trust says whose corrections to learn from: name --with-feedback as well")
    if short := [key for key in trust if len(key) < FEWEST]:
        raise typer.BadParameter(
            f"--trust {short[0]}: at least {FEWEST} characters of a key, as train names it"
        )
    if no_report and for_report:
        raise typer.BadParameter("--report and --compare are for the report, which --no-report leaves out")


def _feedback_alone(
    data: Path | None, label: str | None, with_feedback: bool, columns: Sequence[object]
) -> None:
    if not with_feedback or (data is None) != (label is None):
        raise typer.BadParameter("name --data FILE and --label COL; only --with-feedback can do without")
    if any(columns):
        raise typer.BadParameter("columns are those of a file: name it with --data")


def _lessons(config: Path | None, trust: Sequence[str], *, confirmations: bool) -> Sequence[Any]:
    from smartticket_daemon.cli.lessons import lessons_of

    return lessons_of(config, trust, confirmations=confirmations)


def _at_work(compare: Path | None, config: Path | None) -> Any:
    """The model to compare with; None where none is named, or the one at work cannot be used."""
    from smartticket_daemon.assemble import load_model
    from smartticket_daemon.cli.common import load_settings
    from smartticket_daemon.errors import ModelError
    from smartticket_model import load

    if compare or config is None:
        return load(compare) if compare else None
    try:
        return load_model(load_settings(config).settings)
    except ModelError as error:
        say(f"nothing is compared with the model at work, which cannot be used: {error}")
        return None


def _heads(more: list[str], **own: str | None) -> dict[str, str]:
    """Further heads and their columns, of those that were named."""
    if wrong := [head for head in more if not all(head.partition("=")[::2])]:
        raise typer.BadParameter(f"--head {wrong[0]}: write NAME=COLUMN, as product=product_line")
    named = {name: column for name, _, column in (head.partition("=") for head in more)}
    return {name: column for name, column in own.items() if column} | named


def evaluate(
    data: Data,
    label: Label,
    model: Annotated[Path | None, typer.Option("--model", help="The model's folder.")] = None,
    text: Text = None,
    subject: Subject = None,
    body: Body = None,
    encoding: Encoding = "utf-8",
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled tickets that it has not seen."""
    _one_way(text, subject, body)
    figures = _training().evaluate(
        model, data, label, text=text, subject=subject, body=body, encoding=encoding
    )
    if as_json:
        print_json(figures)
        return
    overall = [[name, _shown(value)] for name, value in figures.items() if name != "per_category"]
    print_table("", ["figure", "value"], overall)
    per_category = figures["per_category"]
    columns = list(next(iter(per_category.values()), {}))
    rows = [[name, *(_shown(own[c]) for c in columns)] for name, own in per_category.items()]
    print_table("", ["category", *columns], rows)


def _one_way(text: str | None, subject: str | None, body: str | None) -> None:
    if bool(text) == bool(subject and body) or bool(subject) != bool(body):
        raise typer.BadParameter("name --text COL, or --subject COL and --body COL")


def _training() -> Any:
    from smartticket_daemon.errors import ConfigurationError

    try:
        from smartticket_training import api
    except ModuleNotFoundError as error:
        words = f"training needs {error.name}: install SmartTicket with its extra, smartticket[training]"
        raise ConfigurationError(words) from None
    return api


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
