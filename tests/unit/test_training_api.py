"""Train and evaluate on files: cleaning, calibration, thresholds, determinism, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from smartticket_daemon.errors import ConfigurationError, DataError, ModelError
from smartticket_model import load
from smartticket_model.curve import thresholds_at
from smartticket_training.api import evaluate, train
from smartticket_training.cleaning import cleaned
from smartticket_training.corpus import load_corpus
from smartticket_training.dataset import Columns, Dataset, read_dataset
from smartticket_training.linear import best_temperature
from smartticket_training.measure import SLACK, calibration_error, curve, measure
from smartticket_training.splits import folds

KEYS = {
    "n",
    "accuracy",
    "macro_f1",
    "log_loss",
    "ece",
    "coverage",
    "precision_at_coverage",
    "per_category",
}


def write_csv(path: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 370 tickets of three categories, as subject, body, label and who wrote."""
    wanted = ("billing", "order_delivery", "technical_issue")
    chosen = [t for t in load_corpus() if t.category in wanted][::5]
    rows = [(t.subject, t.body, t.category, f"sender{n // 3}") for n, t in enumerate(chosen)]
    path = tmp_path_factory.mktemp("data") / "tickets.csv"
    return write_csv(path, rows, ("subject", "body", "label", "sender"))


@pytest.fixture(scope="module")
def model(tickets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "model"
    train(tickets, "label", subject="subject", body="body", out=out, features="word")
    return out


def test_training_reports_its_stages_and_honest_figures(tickets: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    trained = train(
        tickets,
        "label",
        subject="subject",
        body="body",
        group="sender",
        out=tmp_path / "deep" / "model",
        features="word",
        progress=lambda stage, share: seen.append((stage, share)),
    )
    assert [stage for stage, share in seen if share == 1.0] == ["read", "clean", "features", "folds", "fit"]
    assert set(trained.metrics) == KEYS
    assert trained.categories == ("billing", "order_delivery", "technical_issue")
    assert 0.75 < trained.metrics["accuracy"] < 1
    assert trained.metrics["precision_at_coverage"] >= 0.9
    assert trained.dropped == {"unlabelled": 0, "empty": 0, "duplicate": 0}
    assert set(trained.out_of_reach) == set(trained.categories) - set(trained.thresholds)
    assert load(trained.folder, digest=trained.digest).thresholds == trained.thresholds


def test_evaluate_gives_the_promised_keys(model: Path, tickets: Path) -> None:
    figures = evaluate(model, tickets, "label", subject="subject", body="body")
    assert set(figures) == KEYS
    assert figures["accuracy"] > 0.95
    assert set(figures["per_category"]) == {"billing", "order_delivery", "technical_issue"}
    json.dumps(figures, allow_nan=False)


def test_a_label_the_model_does_not_know_is_an_error(model: Path, tmp_path: Path) -> None:
    rows = [("the invoice is wrong", "billing"), ("the invoice is wrong", "warranty"), ("no label", " ")]
    data = write_csv(tmp_path / "a.csv", rows, ("text", "label"))
    figures = evaluate(model, data, "label", text="text")
    assert (figures["n"], figures["accuracy"]) == (2, 0.5)
    assert figures["log_loss"] > 15
    assert figures["per_category"]["warranty"]["recall"] == 0


def test_the_same_data_and_seed_give_the_same_bytes(tickets: Path, model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from smartticket_training.api import train; data, out = sys.argv[1:]; "
        "print(train(data, 'label', subject='subject', body='body', out=out, features='word').digest)"
    )
    digests = set()
    for threads in ("1", "4"):
        env = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONHASHSEED": threads,
        }
        command = [sys.executable, "-c", code, str(tickets), str(tmp_path / threads)]
        digests.add(
            subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()
        )
    assert digests == {load(model).digest}


def test_another_seed_gives_other_folds(tickets: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    other = train(tickets, "label", subject="subject", body="body", out=out, features="word", seed=1)
    assert other.digest != load(model).digest


def test_the_pipeline_is_written_beside_never_inside(tickets: Path, tmp_path: Path) -> None:
    import joblib

    out, file = tmp_path / "m", tmp_path / "p.joblib"
    train(tickets, "label", text="body", out=out, features="word", pipeline=file)
    assert {path.suffix for path in out.iterdir()} == {".json", ".bin"}
    assert joblib.load(file).predict([("", "the invoice is wrong")]) == ["billing"]
    assert load(out).manifest["fields"] == ["text"]
    with pytest.raises(ConfigurationError, match="outside"):
        train(tickets, "label", text="body", out=out, features="word", pipeline=out / "p.joblib", force=True)


def test_a_folder_in_use_is_not_overwritten_unasked(model: Path, tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not empty; choose another folder or add --force"):
        train(tickets, "label", text="body", out=model)
    with pytest.raises(ConfigurationError, match="is a file"):
        train(tickets, "label", text="body", out=tickets)
    (tmp_path / "notes.txt").write_text("mine")
    train(tickets, "label", text="body", out=tmp_path, features="word", force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "at least two categories with text are needed, found: none"),
        ([("a", "x"), ("b", "x")], "found: x"),
        ([("a", "x"), ("!?", "y"), ("", "z")], "found: x"),
        ([("a", "x"), ("b", "y")], "too few rows"),
    ],
)
def test_data_that_cannot_teach_are_refused(tmp_path: Path, rows: list[tuple[str, ...]], said: str) -> None:
    data = write_csv(tmp_path / "a.csv", rows, ("text", "label"))
    with pytest.raises(DataError, match=said):
        train(data, "label", text="text", out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_one_group_cannot_be_calibrated(tmp_path: Path) -> None:
    rows = [(f"text {n}", "xy"[n % 2], "same") for n in range(30)]
    data = write_csv(tmp_path / "a.csv", rows, ("text", "label", "g"))
    with pytest.raises(DataError, match="groups"):
        train(data, "label", text="text", group="g", out=tmp_path / "m")


@pytest.mark.parametrize("precision", [0, -1, 1.01, float("nan")])
def test_a_precision_that_is_none_is_refused(tickets: Path, tmp_path: Path, precision: float) -> None:
    with pytest.raises(ConfigurationError, match="target precision"):
        train(tickets, "label", text="body", out=tmp_path / "m", target_precision=precision)


def test_columns_must_be_named_one_way(tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name the text column"):
        train(tickets, "label", out=tmp_path / "m")
    with pytest.raises(DataError, match="no column nope"):
        train(tickets, "nope", text="body", out=tmp_path / "m")


def test_evaluate_refuses_what_it_cannot_use(model: Path, tickets: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        evaluate(tmp_path, tickets, "label", text="body")
    data = write_csv(tmp_path / "a.csv", [("a", "")], ("text", "label"))
    with pytest.raises(DataError, match="no row has a label"):
        evaluate(model, data, "label", text="text")


def test_odd_data_work(tmp_path: Path) -> None:
    """Unicode labels, a class of one row, texts of 100 kB, 60 classes."""
    names = ["ж" * (n % 8) + "ф" * (n // 8 + 1) for n in range(60)]
    rows: list[tuple[str, ...]] = [
        (f"größe {names[n % 60]} {'y' * n}", f"Ünï ✓ {n % 60}") for n in range(600)
    ]
    rows += [("einmalig hier", "one row"), ("z" * 100_000, "Ünï ✓ 1"), ("lang " * 20_000, "Ünï ✓ 2")]
    data = write_csv(tmp_path / "a.csv", rows, ("text", "label"))
    trained = train(data, "label", text="text", out=tmp_path / "m", features="word")
    assert len(trained.categories) == 61
    assert "one row" in trained.out_of_reach
    assert load(tmp_path / "m").predict("", f"größe {names[7]}").label == "Ünï ✓ 7"


def test_a_subject_that_is_always_empty_does_no_harm(tmp_path: Path) -> None:
    rows = [("", f"{'red apple' if n % 2 else 'blue sky'} {'x' * n}", "ab"[n % 2]) for n in range(40)]
    data = write_csv(tmp_path / "a.csv", rows, ("subject", "body", "label"))
    train(data, "label", subject="subject", body="body", out=tmp_path / "m")
    model = load(tmp_path / "m")
    assert model.predict("red", "apple").label == "b"
    assert model.explain("red", "apple")[0][0] in ("red", "apple")


def test_duplicates_are_dropped_before_any_split() -> None:
    pairs = [
        ("Re", "Hello, WORLD"),
        ("re:", "hello world!"),
        ("re", "Hello  world"),
        ("", "other"),
        ("", " ?! "),
    ]
    data = Dataset(pairs, ["a", "b", "b", "a", "a"], groups=["1", "2", "3", "4", "5"])
    kept = cleaned(data)
    assert kept.pairs == [pairs[1], pairs[3]]
    assert (kept.labels, kept.groups) == (["b", "a"], ["2", "4"])
    assert kept.dropped == {"empty": 1, "duplicate": 2}


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "a.csv", [("x", "NA"), ("y", "  "), ("z", " b ")], ("text", "label"))
    rows = read_dataset(data, Columns(label="label", text="text"))
    assert rows.labels == ["NA", "b"]
    assert rows.dropped == {"unlabelled": 1}


def test_a_group_never_lies_on_both_sides() -> None:
    groups = [f"g{n // 4}" for n in range(200)]
    found = folds(np.arange(200) % 2, groups, seed=0)
    assert sorted(np.concatenate([unseen for _, unseen in found])) == list(range(200))
    for seen, unseen in found:
        assert not {groups[n] for n in seen} & {groups[n] for n in unseen}


def test_the_temperature_undoes_an_exaggeration() -> None:
    generator = np.random.default_rng(5)
    scores = generator.normal(size=(4000, 4))
    odds = np.exp(scores)
    truth = np.array([generator.choice(4, p=row / row.sum()) for row in odds])
    assert best_temperature(scores * 6, truth) == pytest.approx(6, rel=0.1)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.91, 0.99, 0.55, 0.55])
    right = np.array([True, True, True, False])
    assert calibration_error(confidence, right) == pytest.approx((0.09 + 0.01 + 0.1) / 4)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0


def test_thresholds_reach_their_target_on_the_rows_they_came_from() -> None:
    generator = np.random.default_rng(6)
    probabilities = generator.dirichlet([0.4] * 3, size=3000)
    truth = np.array([generator.choice(3, p=row) for row in probabilities])
    labels = ["a", "b", "c"]
    points = {label: tuple(found) for label, found in curve(truth, probabilities, labels).items()}
    for target in (0.5, 0.8, 0.9, 0.97):
        thresholds = thresholds_at(points, target)
        figures = measure([labels[n] for n in truth], probabilities, labels, thresholds)
        for label in thresholds:
            assert figures["per_category"][label]["precision_at_coverage"] >= target - SLACK - 1e-6
        assert figures["precision_at_coverage"] >= target - 1e-6
        assert figures["coverage"] > 0.05


def test_few_rows_are_not_trusted_with_a_threshold() -> None:
    certain = np.array([[0.9, 0.1]] * 9)
    assert curve(np.zeros(9, dtype=int), certain, ["a", "b"]) == {"a": [], "b": []}


def test_nothing_accepted_has_no_precision() -> None:
    figures = measure(["a", "b"], np.array([[0.6, 0.4], [0.6, 0.4]]), ["a", "b"], {})
    assert (figures["coverage"], figures["precision_at_coverage"]) == (0, None)
