"""The gate of a promotion with models that were really trained, on tickets that none of them has seen."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from smartticket_config.settings import ModelSettings, Settings
from smartticket_daemon.cli.models_gate import HeldOut, Weighed, weigh
from smartticket_daemon.errors import DataError
from smartticket_model import load
from smartticket_training.api import train
from smartticket_training.corpus import load_corpus
from smartticket_training.dataset import Columns

COLUMNS = Columns("label", None, "subject", "body")
NAMES = ("billing", "order_delivery", "technical_issue")
Row = tuple[str, str, str]


def write(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("subject", "body", "label"), *rows])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`history.csv` to train on, `later.csv` to compare on, and a `running` model of the history."""
    folder = tmp_path_factory.mktemp("gate")
    rows = [
        (t.subject, t.body, t.category) for t in load_corpus() if t.category in NAMES and t.language == "en"
    ]
    rows = random.Random(0).sample(rows, 1600)
    write(folder / "history.csv", rows[::2])
    write(folder / "later.csv", rows[1::2])
    trained(folder, "running", rows[::2])
    return folder


def trained(folder: Path, name: str, rows: Sequence[Row], seed: int = 0) -> Path:
    data = write(folder / f"{name}.csv", rows)
    options = {"subject": "subject", "body": "body", "seed": seed}
    train(data, "label", out=folder / name, features="word", **options)  # type: ignore[arg-type]
    return folder / name


def history(folder: Path) -> list[Row]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return [(row[0], row[1], row[2]) for row in csv.reader(file)][1:]


def weighed(folder: Path, model: Path) -> Weighed:
    settings = Settings(model=ModelSettings(path=folder / "running"))
    return weigh(settings, load(model), HeldOut(folder / "later.csv", COLUMNS))


def test_the_same_history_in_another_order_passes(folder: Path) -> None:
    shuffled = random.Random(5).sample(history(folder), len(history(folder)))
    found = weighed(folder, trained(folder, "equal", shuffled, seed=5))
    assert found.against == ()
    assert found.comparison is not None
    assert found.comparison.rows >= 300


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("mislabelled", lambda row, chance: (*row[:2], chance.choice(NAMES))),
        ("forgetful", lambda row, chance: (*row[:2], row[2].replace("billing", "order_delivery"))),
    ],
)
def test_what_learnt_worse_is_refused(
    folder: Path, name: str, spoil: Callable[[Row, random.Random], Row]
) -> None:
    chance = random.Random(6)
    spoilt = [spoil(row, chance) if chance.random() < 0.6 else row for row in history(folder)]
    found = weighed(folder, trained(folder, name, spoilt))
    assert any("accuracy" in reason for reason in found.against)


def test_the_file_of_a_training_is_no_file_to_compare_on(folder: Path) -> None:
    settings = Settings(model=ModelSettings(path=folder / "running"))
    with pytest.raises(DataError, match="this model was trained on this file"):
        weigh(settings, load(folder / "running"), HeldOut(folder / "history.csv", COLUMNS))
    with pytest.raises(DataError, match="the running model was trained on this file"):
        weigh(settings, load(), HeldOut(folder / "history.csv", COLUMNS))


def test_a_running_model_that_is_broken_is_no_measure(folder: Path, tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(path=tmp_path))
    found = weigh(settings, load(folder / "running"), HeldOut(folder / "later.csv", COLUMNS))
    assert found.comparison is None
    assert "the running model cannot be used" in found.against[-1]
