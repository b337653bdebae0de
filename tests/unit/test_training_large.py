"""Training of more than memory holds: the same rows, promises and refusals, piece by piece."""

from __future__ import annotations

import csv
import resource
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from smartticket_daemon.domain import Opinion
from smartticket_daemon.errors import ConfigurationError, DataError
from smartticket_model import load
from smartticket_model.features import Block
from smartticket_training.api import train
from smartticket_training.build import Trained
from smartticket_training.cleaning import cleaned, near_duplicates
from smartticket_training.corpus import load_corpus
from smartticket_training.dataset import Columns, read_dataset
from smartticket_training.features import counter, frequencies
from smartticket_training.feedback import Lesson
from smartticket_training.fit import Options
from smartticket_training.large import planned
from smartticket_training.spill import Pieces, scratch
from smartticket_training.stored import Stored
from smartticket_training.tally import Tally

COLUMNS = Columns(
    "category", subject="subject", body="body", group="who", time="when", heads={"priority": "priority"}
)
HEADER = ("subject", "body", "category", "who", "when", "priority")
WANTED = ("billing", "order_delivery", "technical_issue")


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written tickets of three categories, some twice, some without text or category."""
    chosen = [t for t in load_corpus() if t.category in WANTED and t.language in ("en", "de")]
    rows = [
        (t.subject, t.body, t.category, f"sender {n // 3}", str(n), t.priority) for n, t in enumerate(chosen)
    ]
    rows += [("", " ", "billing", "x", "0", ""), ("a", "b", "", "x", "0", ""), *rows[:5]]
    path = tmp_path_factory.mktemp("data") / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def trained(tickets: Path, out: Path, **more: Any) -> Trained:
    settings = {"features": "word", "in_memory": 0, "subject": "subject", "body": "body", **more}
    return train(tickets, "category", out=out, **settings)


@pytest.fixture(scope="module")
def model(tickets: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tickets, tmp_path_factory.mktemp("out") / "model")


def test_the_rows_are_those_of_the_usual_way(tickets: Path) -> None:
    held, stored = (read_dataset(tickets, COLUMNS, in_memory=most) for most in (None, 50_000))
    assert isinstance(stored.pairs, Stored)
    assert not isinstance(held.pairs, Stored)
    for one, other in ((held, stored), (cleaned(held), cleaned(stored))):
        assert one.digest == other.digest
        assert (one.dropped, one.lines) == (other.dropped, other.lines)
        assert near_duplicates(one) == near_duplicates(other)
    assert cleaned(stored).dropped == {"unlabelled": 1, "empty": 1, "duplicate": 5}


def test_messages_are_taken_in_order_and_followed_by_others(tickets: Path) -> None:
    held = read_dataset(tickets, COLUMNS).pairs
    stored = read_dataset(tickets, COLUMNS, in_memory=0).pairs
    assert isinstance(stored, Stored)
    longer, last = stored.__add__([("new", "one")]), len(stored)
    assert list(longer.take([1, 7, last])) == [list(held)[1], list(held)[7], ("new", "one")]
    assert (len(longer.take([3, 4])), ("new", "one") in longer) == (2, True)
    with pytest.raises(ValueError, match="order"):
        stored.take([4, 3])


def test_some_rows_are_loaded_evenly_spread(tickets: Path) -> None:
    held, stored = (read_dataset(tickets, COLUMNS, in_memory=most) for most in (None, 0))
    assert held.in_memory(10) is held
    few = stored.in_memory(10)
    assert 5 < len(few.labels) <= 10
    assert few.digest == held.take(range(0, len(held.labels), -(-len(held.labels) // 10))).digest


def test_a_file_that_is_changed_meanwhile_is_refused(tickets: Path, tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_bytes(tickets.read_bytes())
    stored = read_dataset(path, COLUMNS, in_memory=0)
    path.write_bytes(tickets.read_bytes() + b"a,b,billing,x,1,low\n")
    with pytest.raises(DataError, match="changed while it was read"):
        list(stored.pairs)


def test_it_is_nearly_as_good_and_says_how_it_was_made(tickets: Path, model: Trained, tmp_path: Path) -> None:
    usual = trained(tickets, tmp_path / "usual", in_memory=1 << 40)
    assert model.metrics["accuracy"] > usual.metrics["accuracy"] - 0.03
    assert model.metrics["ece"] < 0.1
    data = load(model.folder).manifest["data"]
    judged = len(model.fitted.judged)
    assert (data["in_memory"], data["judged"], data["rows"]) == (False, judged, model.rows)
    assert f"{judged:,} of them" in model.manner
    assert data["sha256"] == load(usual.folder).manifest["data"]["sha256"]
    assert (usual.manner, "judged" in load(usual.folder).manifest["data"]) == ("", False)


def test_the_same_data_and_seed_give_the_same_bytes_whatever_the_jobs(
    tickets: Path, model: Trained, tmp_path: Path
) -> None:
    assert trained(tickets, tmp_path / "again", jobs=3).digest == model.digest
    assert trained(tickets, tmp_path / "other", seed=1).digest != model.digest


def test_no_text_is_written_and_nothing_stays(tickets: Path, tmp_path: Path) -> None:
    found: list[bytes] = []

    def look(stage: str, share: float) -> None:
        if (stage, share) == ("fit", 1.0):
            (folder,) = tmp_path.glob(".model.*")
            assert {path.name for path in folder.iterdir()} == {"counts", "whole"}
            assert folder.stat().st_mode & 0o777 == 0o700
            found.extend(path.read_bytes() for path in folder.rglob("*") if path.is_file())
            raise InterruptedError

    words = {word.encode() for t in load_corpus()[:50] for word in t.body.split() if len(word) > 7}
    with pytest.raises(InterruptedError):
        trained(tickets, tmp_path / "model", progress=look)
    content = b"".join(found)
    assert len(content) > 100_000
    assert not [word for word in words if word in content]
    assert list(tmp_path.iterdir()) == []


def test_all_heads_the_scope_and_the_rows_held_out(tickets: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.csv"
    soup = [f"chop {n} carrots and simmer the soup for {n} minutes with salt {n * 7}" for n in range(40)]
    foreign.write_text("subject,body\n" + "".join(f",{text}\n" for text in soup))
    full = {"group": "who", "time": "when", "heads": {"priority": "priority"}, "out_of_scope": foreign}
    report = tmp_path / "report.html"
    found = trained(tickets, tmp_path / "m", **full, features="full", report=report, compare=load())
    assert found.held_out is not None
    assert found.held_out["n"] == pytest.approx(found.rows * 0.2, abs=1)
    assert 0.3 < found.heads["priority"]["accuracy"] < 1
    model = load(found.folder)
    prediction = model.predict("", "simmer the soup with carrots and salt for 90 minutes")
    assert prediction.scope < model.predict("", "I was charged twice on my last invoice").scope
    assert found.manner in report.read_text("utf-8")
    assert f"the same {len(found.fitted.judged):,} tickets" in report.read_text("utf-8")
    assert "There is no learning curve" in report.read_text("utf-8")
    assert "learnt piece by piece" in (found.folder / "MODEL_CARD.md").read_text("utf-8")


def test_groups_are_kept_together_and_the_latest_are_held_out(tickets: Path) -> None:
    rows = cleaned(read_dataset(tickets, COLUMNS, in_memory=0))
    plan = planned(rows, 10, Options(held_out=0.2))
    count = len(rows.labels)
    assert rows.groups is not None
    assert rows.times is not None
    assert plan.late is not None

    def groups(places: Iterable[int]) -> set[str]:
        return {rows.groups[place] for place in places if place < count} if rows.groups else set()

    assert not groups(plan.seen) & (groups(plan.judged) | groups(plan.late))
    assert not set(plan.judged) & set(plan.late)
    latest = sorted(range(count), key=lambda place: int(rows.times[place]) if rows.times else 0)
    assert set(plan.late) == set(latest[count - len(plan.late) :])
    assert sorted([*plan.foreign, *plan.seen[plan.seen >= count]]) == list(range(count, count + 10))


def test_terms_are_counted_over_all_pieces_and_the_rarest_are_forgotten() -> None:
    texts = [("", f"word{n % 40} thing{n % 7} alone{n}") for n in range(200)]
    words = counter(Block("text", "word", 1, 1))
    tally, small = Tally(1), Tally(1, most=60)
    for start in range(0, 200, 30):
        for one in (tally, small):
            one.add([words.transform(texts[start : start + 30])])
    (found,), whole = tally.found(), frequencies(words.transform(texts))
    assert np.array_equal(found[0], whole[0])
    assert np.array_equal(found[1], whole[1])
    (kept,) = small.found()
    assert len(kept[0]) < 60
    assert sorted(kept[1])[-7:] == sorted(whole[1])[-7:]


def test_what_agents_taught_is_learnt_too(tickets: Path, tmp_path: Path) -> None:
    when = datetime(2026, 11, 23, tzinfo=UTC)
    lessons = [
        Lesson("", f"the zebra {n} ate my parcel", "billing", "", Opinion.CORRECTED, f"s{n}", when)
        for n in range(20)
    ]
    found = trained(tickets, tmp_path / "m", lessons=lessons)
    assert found.taught is not None
    assert found.taught.chosen.counts["corrected"] == 20
    assert load(found.folder).predict("", "the zebra ate it").label == "billing"


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    with scratch(tmp_path / "new" / "model") as folder:
        assert folder.parent == tmp_path
        pieces = Pieces(folder / "counts", [2])
        (folder / "counts").rmdir()
        with pytest.raises(ConfigurationError, match=r"cannot use the disk at .*counts: No such file"):
            pieces.add(0, np.arange(1), [csr_matrix((1, 2))])
        with pytest.raises(ConfigurationError, match="No such file"):
            pieces.remove()


def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    pieces = Pieces(tmp_path / "counts", [2])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="counts: it takes no more; "):
            pieces.add(0, np.arange(10_000), [csr_matrix((10_000, 2))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,who\n" + "".join(f"word{n} x,{'ab'[n % 2]},me\n" for n in range(40)))
    with pytest.raises(DataError, match="too few rows"):
        train(path, "label", text="text", group="who", out=tmp_path / "m", in_memory=0)
