"""Train and evaluate: what the command line calls, as plain functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from smartticket_daemon.errors import ConfigurationError, DataError
from smartticket_model import Model, load
from smartticket_training.build import Trained, build, kept_numbers
from smartticket_training.cleaning import SmallClasses, cleaned, near_duplicates, without_small
from smartticket_training.cleaning import small_classes as found_small
from smartticket_training.dataset import IN_MEMORY, Columns, Dataset, Pairs, read_dataset, read_texts
from smartticket_training.feedback import Lesson
from smartticket_training.fit import Options, Progress, fit
from smartticket_training.large import fit_large
from smartticket_training.measure import measure
from smartticket_training.parallel import check_backend
from smartticket_training.pipeline import pipeline as as_pipeline
from smartticket_training.stored import Stored
from smartticket_training.teaching import Taught, teach

Features = Literal["full", "word"]

LATEST = 0.2
"""Share of the rows that is held out where their times are known."""


def train(
    data: str | Path | None,
    label: str | None,
    *,
    out: str | Path,
    text: str | None = None,
    subject: str | None = None,
    body: str | None = None,
    group: str | None = None,
    time: str | None = None,
    heads: Mapping[str, str] | None = None,
    out_of_scope: str | Path | None = None,
    held_out: float | None = None,
    small_classes: SmallClasses = "keep",
    target_precision: float = 0.90,
    seed: int = 0,
    force: bool = False,
    features: Features = "full",
    encoding: str = "utf-8",
    pipeline: str | Path | None = None,
    jobs: int = -1,
    backend: str = "threading",
    lessons: Sequence[Lesson] = (),
    report: str | Path | None = None,
    compare: Model | None = None,
    in_memory: int = IN_MEMORY,
    progress: Progress = lambda _stage, _share: None,
) -> Trained:
    """Train a model on a data file and write it to the folder `out`.

    Without a file (`data` None) the rows are those of the shipped model, whose categories they have; then no
    column is named. `lessons` are what agents taught, all of it: those of a sender whom a model without them
    contradicts are held out (see `senders`), unless one is `trusted`, and one sender gives only so many (see
    `feedback.choose`).

    Columns: `label`, and either `text` or `subject` and `body`; `heads` names further columns to predict, as
    {"priority": "urgency"}. Rows of one `group` (a thread, a sender) are kept together in every split. With
    `time` the latest fifth of the rows is also held out: measured by a model of the rows before, while the
    artifact is trained on all; `held_out` gives another share. `out_of_scope` is a file with the same text
    columns whose messages belong to no category. `target_precision` (0 to 1) sets the thresholds. `pipeline`
    names a file for the same model as a scikit-learn pipeline, written with joblib; its input is a list of
    (subject, body). `report` names an HTML file to write for people, with the card that then lies in `out`;
    `compare` is the model that is at work, to compare with. `jobs` (-1: all cores) parts run at once on the
    joblib `backend`, or on the workers of the Dask scheduler whose address it is. The same data, options and
    library versions give the same bytes, whatever the jobs.
    Messages larger than `in_memory` (see `dataset.size`) stay in their file; the model is learnt from them
    piece by piece (see `large`).

    Raises DataError for the file, ConfigurationError for an `out` that is not empty (unless `force`).
    """
    if held_out is None:
        held_out = LATEST if time else 0.0
    _check(target_precision, held_out)
    check_backend(backend)
    folder = Path(out)
    _check_places(folder, report, pipeline, force)
    progress("read", 0.0)
    columns = None
    if data is None or label is None:
        rows, foreign = shipped_rows()
    else:
        columns = Columns(label, text, subject, body, group, time, heads or {})
        rows = read_dataset(data, columns, encoding, in_memory)
        foreign = read_texts(out_of_scope, columns, encoding) if out_of_scope else []
    progress("read", 1.0)
    options = Options(features, seed, jobs, backend, held_out)
    rows, taught = teach(rows, lessons, options, progress) if lessons else (rows, None)
    trained = train_on(
        rows,
        folder,
        target_precision,
        options,
        foreign=foreign,
        small_classes=small_classes,
        pipeline=pipeline,
        progress=progress,
        name=str(data or "the shipped corpus"),
        taught=taught,
    )
    if report is not None:
        from smartticket_training.report import Facts, settings_of, write_report

        progress("report", 0.0)
        asked = settings_of(
            data, columns, options, small_classes, len(taught.chosen.lessons) if taught else 0
        )
        write_report(Facts(trained, asked, compare, datetime.now(UTC).date()), Path(report), seed)
        progress("report", 1.0)
    return trained


def shipped_rows() -> tuple[Dataset, list[tuple[str, str]]]:
    """What the shipped model learnt from: labelled tickets, and messages of no category."""
    from smartticket_training.corpus import dataset, foreign, load_corpus

    return dataset([ticket for ticket in load_corpus() if not ticket.held_back]), foreign()


def train_on(
    rows: Dataset,
    out: Path,
    target_precision: float = 0.90,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    foreign: Pairs = (),
    small_classes: SmallClasses = "keep",
    pipeline: str | Path | None = None,
    progress: Progress = lambda _stage, _share: None,
    name: str = "data",
    taught: Taught | None = None,
) -> Trained:
    """As `train`, on rows already read; what stands in `out` is replaced. `name` stands in error texts.

    `taught` tells where the corrections among the rows come from.
    """
    progress("clean", 0.0)
    unique = cleaned(rows)
    small, near = found_small(unique), near_duplicates(unique)
    examples = without_small(unique, small, small_classes)
    progress("clean", 1.0)
    if len(examples.categories()) < 2:
        found = ", ".join(examples.categories()) or "none"
        raise DataError(f"{name}: at least two categories with text are needed, found: {found}")
    if lone := [head for head, values in examples.heads.items() if len(set(values) - {""}) < 2]:
        raise DataError(f"{name}: the head {lone[0]} needs at least two different values")
    if isinstance(examples.pairs, Stored):
        fitted = fit_large(examples, options, progress, foreign, out)
    else:
        fitted = fit(examples, options, progress, foreign)
    trained = build(fitted, examples, target_precision, options.seed, out, taught)
    if pipeline is not None:
        import joblib

        joblib.dump(as_pipeline(fitted, kept_numbers(fitted)), Path(pipeline), compress=3)
    return replace(trained, near_duplicates=near, small=small, taught=taught)


def evaluate(
    model: str | Path | None,
    data: str | Path,
    label: str,
    *,
    text: str | None = None,
    subject: str | None = None,
    body: str | None = None,
    encoding: str = "utf-8",
) -> dict[str, Any]:
    """Figures of the model in a folder (None: the shipped one) on a labelled data file.

    Keys: n, accuracy, macro_f1, log_loss, ece, coverage, precision_at_coverage, per_category; coverage and
    precision at the model's own thresholds. Raises DataError or ModelError.
    """
    classifier = load(model)
    columns = Columns(label=label, text=text, subject=subject, body=body)
    rows = read_dataset(data, columns, encoding)
    if not rows.labels:
        raise DataError(f"{data}: no row has a label in column {label}")
    return evaluate_on(classifier, rows)


def evaluate_on(classifier: Any, rows: Dataset) -> dict[str, Any]:
    """As `evaluate`, for a loaded model and rows already read."""
    predictions = classifier.predict_many(rows.pairs)
    labels = classifier.categories
    probabilities = np.array([[p.probabilities[label] for label in labels] for p in predictions])
    in_scope = np.array([p.scope >= 0 for p in predictions])
    return measure(rows.labels, probabilities, labels, classifier.thresholds, in_scope)


def _check(target_precision: float, held_out: float) -> None:
    if not 0 < target_precision <= 1:
        raise ConfigurationError("the target precision lies above 0 and at most at 1, as 0.9")
    if not 0 <= held_out < 1:
        raise ConfigurationError("the share held out lies between 0 and 1, as 0.2")


def _check_places(folder: Path, report: str | Path | None, pipeline: str | Path | None, force: bool) -> None:
    _check_free(folder, force)
    if report is not None:
        _check_report(Path(report), folder, force)
    if pipeline is not None and Path(pipeline).resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"the pipeline's file must lie outside {folder}, which holds no code")


def _check_report(file: Path, folder: Path, force: bool) -> None:
    if file.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"the report must lie outside {folder}, which holds no word of a ticket")
    if not force and file.exists():
        raise ConfigurationError(f"{file} exists; choose another --report or add --force")


def _check_free(folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; name a folder")
    if not force and folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; choose another folder or add --force")
