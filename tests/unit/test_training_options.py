"""Training's further wishes: heads, what is out of scope, rows held out, small classes, jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smartticket_daemon.errors import ConfigurationError, DataError
from smartticket_model import load
from smartticket_training.api import train, train_on
from smartticket_training.build import Trained
from smartticket_training.cleaning import near_duplicates, small_classes, without_small
from smartticket_training.corpus import dataset, foreign, load_corpus
from smartticket_training.dataset import Columns, Dataset
from smartticket_training.fit import Options
from smartticket_training.splits import held_out

TICKETS = dataset([t for t in load_corpus() if t.category in ("billing", "order_delivery")][::3])
WORDS = Options("word", jobs=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("out")
    return train_on(TICKETS, out, options=replace(WORDS, held_out=0.2), foreign=foreign())


def test_every_head_has_labels_figures_and_a_calibrated_word(trained: Trained) -> None:
    model = load(trained.folder)
    assert set(model.heads) == set(trained.heads) == {"priority", "sentiment"}
    said = model.predict("", "I was charged twice and I am furious, this must be mended today").heads
    for name, (label, confidence) in said.items():
        assert label in model.heads[name]
        assert 1 / len(model.heads[name]) <= confidence <= 1
    assert said["sentiment"][0] == "negative"
    for head in trained.fitted.heads:
        right = head.out_of_fold.argmax(axis=1) == head.truth
        assert np.exp(head.out_of_fold).sum(axis=1) == pytest.approx(1)
        assert abs(np.exp(head.out_of_fold).max(axis=1).mean() - right.mean()) < 0.1


def test_rows_that_say_nothing_for_a_head_do_not_count(tmp_path: Path) -> None:
    values = [v if n % 2 else "" for n, v in enumerate(TICKETS.heads["priority"])]
    found = train_on(replace(TICKETS, heads={"priority": values}), tmp_path, options=WORDS)
    assert found.heads["priority"]["n"] == len(values) // 2
    assert "" not in load(tmp_path).heads["priority"]


def test_a_head_of_one_value_is_refused(tmp_path: Path) -> None:
    data = replace(TICKETS, heads={"product": ["one"] * len(TICKETS.labels)})
    with pytest.raises(DataError, match="the head product needs at least two different values"):
        train_on(data, tmp_path, options=WORDS)


def test_a_head_has_a_plain_name() -> None:
    with pytest.raises(DataError, match="not a head's name"):
        Columns("label", text="text", heads={"My Head": "x"})


def test_foreign_messages_fall_out_and_few_others(trained: Trained) -> None:
    assert (trained.fitted.scopes < 0).mean() <= 0.02
    assert (trained.fitted.foreign_scopes < 0).mean() >= 0.6
    model = load(trained.folder)
    assert model.predict("", "how do I bake bread at home").scope < 0
    assert model.predict("", TICKETS.pairs[0][1]).scope > 0


def test_without_foreign_messages_unknown_words_fall_out(tmp_path: Path) -> None:
    train_on(TICKETS, tmp_path, options=WORDS)
    model = load(tmp_path)
    assert model.predict("", "quokka wombat numbat bilby").scope < 0
    assert model.predict("", TICKETS.pairs[0][1]).scope > 0


@pytest.mark.parametrize("text", ["hm", "blue", "please call me back", "ok thanks", "rufen Sie mich an"])
def test_the_shipped_model_does_not_judge_what_is_near_empty(text: str) -> None:
    assert load().predict("", text).scope < 0


def test_rows_held_out_are_measured_by_a_model_without_them(trained: Trained) -> None:
    assert trained.held_out is not None
    assert trained.fitted.held_out is not None
    assert trained.held_out["n"] == len(trained.fitted.held_out) == round(0.2 * trained.rows)
    assert 0.7 < trained.held_out["accuracy"] < 1
    assert load(trained.folder).manifest["held_out"] == trained.held_out


def test_the_latest_rows_are_held_out() -> None:
    times = [f"2026-01-{day:02d}T10:00:00+0{day % 3}:00" for day in (5, 1, 9, 3, 7, 2, 8, 4, 10, 6)]
    data = Dataset([("", str(n)) for n in range(10)], ["xy"[n % 2] for n in range(10)], times=times)
    split = held_out(data, 0.3, seed=0)
    assert split is not None
    assert [times[row][8:10] for row in split[1]] == ["09", "08", "10"]
    assert len(split[0]) == 7


def test_what_belongs_to_a_held_out_row_is_not_learnt_from() -> None:
    groups = [f"g{n // 3}" for n in range(30)]
    data = Dataset([("", str(n)) for n in range(30)], ["xy"[n % 2] for n in range(30)], groups)
    for times in (None, [str(n) for n in range(30)]):
        split = held_out(replace(data, times=times), 0.2, seed=1)
        assert split is not None
        assert not {groups[n] for n in split[0]} & {groups[n] for n in split[1]}


def test_a_time_that_is_none_is_named() -> None:
    data = Dataset([("", "a"), ("", "b")], ["x", "y"], times=["2026-01-01", "yesterday"])
    with pytest.raises(DataError, match="row 2 with a label: its time is none"):
        held_out(data, 0.5, seed=0)


def test_small_classes_are_listed_and_treated_as_wished() -> None:
    labels = ["big"] * 12 + ["tiny"] * 2 + ["rare"]
    data = Dataset([("", f"word{n}") for n in range(15)], labels)
    small = small_classes(data)
    assert small == {"rare": 1, "tiny": 2}
    assert without_small(data, small, "keep") is data
    assert without_small(data, small, "merge").labels == ["big"] * 12 + ["other"] * 3
    dropped = without_small(data, small, "drop")
    assert (len(dropped.labels), dropped.dropped) == (12, {"small class": 3})


def test_near_duplicates_are_counted() -> None:
    pairs = [("", "order 17 is late"), ("", "is order 18 late?"), ("late", "is the order")]
    assert near_duplicates(Dataset(pairs, ["x"] * 3)) == 1


def test_jobs_and_backend_do_not_change_a_byte(tmp_path: Path) -> None:
    digests = {
        train_on(TICKETS, tmp_path / f"{n}", options=Options("word", jobs=jobs, backend=backend)).digest
        for n, (jobs, backend) in enumerate([(1, "threading"), (4, "threading"), (2, "loky")])
    }
    assert len(digests) == 1


@pytest.mark.parametrize("options", [{"held_out": 1.0}, {"held_out": -0.1}, {"backend": "nowhere"}])
def test_impossible_wishes_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    data = tmp_path / "a.csv"
    data.write_text("text,label\n" + "".join(f"w{n} v{n % 7},{'xy'[n % 2]}\n" for n in range(30)))
    with pytest.raises(ConfigurationError):
        train(data, "label", text="text", out=tmp_path / "m", **options)  # type: ignore[arg-type]
