"""`smartticket train` and `smartticket evaluate`: a model of one's own, and how good one is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from smartticket_daemon.cli.common import JsonOption, print_json, print_table, say

Data = Annotated[Path, typer.Option("--data", help="A .csv or .jsonl file, plain or .gz.")]
Label = Annotated[str, typer.Option("--label", help="Its column with the category.")]
Text = Annotated[str | None, typer.Option("--text", help="Its text column; or else")]
Subject = Annotated[str | None, typer.Option("--subject", help="its subject column, and")]
Body = Annotated[str | None, typer.Option("--body", help="its body column.")]
Encoding = Annotated[str, typer.Option("--encoding", help="The file's encoding.")]


class Features(StrEnum):
    """What a text is taken apart into."""

    FULL = "full"
    WORD = "word"


def train(
    data: Data,
    label: Label,
    out: Annotated[Path, typer.Option("--out", help="The folder for the model; must be empty or new.")],
    text: Text = None,
    subject: Subject = None,
    body: Body = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Rows that belong together: a thread, a sender.")
    ] = None,
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
) -> None:
    """Train a model on your own labelled tickets."""
    _one_way(text, subject, body)
    api = _training()
    trained = api.train(
        data,
        label,
        out=out,
        text=text,
        subject=subject,
        body=body,
        group=group,
        target_precision=target_precision,
        seed=seed,
        force=force,
        features=features.value,
        encoding=encoding,
        pipeline=pipeline,
        progress=_say_stage,
    )
    say(f"{trained.rows} rows, left out: {_counted(trained.dropped)}")
    if trained.out_of_reach:
        never = ", ".join(trained.out_of_reach)
        say(f"cannot reach precision {target_precision:g}, so always abstain: {never}")
    say(f"model written to {out}, digest {trained.digest[:12]}")


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


def _counted(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in dropped.items() if number) or "none"


def _say_stage(stage: str, share: float) -> None:
    if share == 0.0:
        say(f"{stage} ...")


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
