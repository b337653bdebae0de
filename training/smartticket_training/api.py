"""Train and evaluate: what the command line calls, as plain functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from smartticket_daemon.errors import ConfigurationError, DataError
from smartticket_model import load
from smartticket_training.build import Trained, build
from smartticket_training.dataset import Columns, Dataset, cleaned, read_dataset
from smartticket_training.fit import Progress, fit
from smartticket_training.measure import measure

Features = Literal["full", "word"]


def train(
    data: str | Path,
    label: str,
    *,
    out: str | Path,
    text: str | None = None,
    subject: str | None = None,
    body: str | None = None,
    group: str | None = None,
    target_precision: float = 0.90,
    seed: int = 0,
    force: bool = False,
    features: Features = "full",
    encoding: str = "utf-8",
    pipeline: str | Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Trained:
    """Train a model on a data file and write it to the folder `out`.

    Columns: `label`, and either `text` or `subject` and `body`. Rows of one `group` (a thread, a sender) are
    kept together when confidence is calibrated. `target_precision` (0 to 1) sets the thresholds. `pipeline`
    names a file for the same model as a scikit-learn pipeline, written with joblib; its input is a list of
    (subject, body). The same data, options and library versions give the same bytes.

    Raises DataError for the file, ConfigurationError for an `out` that is not empty (unless `force`).
    """
    if not 0 < target_precision <= 1:
        raise ConfigurationError("the target precision lies above 0 and at most at 1, as 0.9")
    folder = Path(out)
    _check_free(folder, force)
    if pipeline is not None and Path(pipeline).resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"the pipeline's file must lie outside {folder}, which holds no code")
    columns = Columns(label=label, text=text, subject=subject, body=body, group=group)
    progress("read", 0.0)
    rows = read_dataset(data, columns, encoding)
    progress("read", 1.0)
    return train_on(rows, folder, target_precision, seed, features, pipeline, progress, str(data))


def train_on(
    rows: Dataset,
    out: Path,
    target_precision: float = 0.90,
    seed: int = 0,
    features: Features = "full",
    pipeline: str | Path | None = None,
    progress: Progress = lambda _stage, _share: None,
    name: str = "data",
) -> Trained:
    """As `train`, on rows already read; what stands in `out` is replaced. `name` stands in error texts."""
    examples = cleaned(rows)
    if len(examples.categories()) < 2:
        found = ", ".join(examples.categories()) or "none"
        raise DataError(f"{name}: at least two categories with text are needed, found: {found}")
    fitted = fit(examples, features, seed, progress)
    trained = build(fitted, examples, target_precision, seed, out)
    if pipeline is not None:
        import joblib

        joblib.dump(fitted.pipeline, Path(pipeline), compress=3)
    return trained


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
    return measure(rows.labels, probabilities, labels, classifier.thresholds)


def _check_free(folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; name a folder")
    if not force and folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; choose another folder or add --force")
