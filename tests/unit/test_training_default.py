"""The corpus is sound, and the shipped model is what training on it gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from smartticket_daemon.errors import DataError
from smartticket_model import load
from smartticket_model.artifact import CARD
from smartticket_model.runtime import DEFAULT
from smartticket_training.corpus import CATEGORIES, dataset, load_corpus

GOOD: dict[str, object] = {
    "id": "billing-001",
    "subject": "",
    "body": "hello",
    "category": "billing",
    "language": "en",
    "priority": "low",
    "sentiment": "neutral",
    "industry": "retail",
}


def test_the_corpus_is_sound_and_large_enough() -> None:
    tickets = load_corpus()
    counts = Counter((t.language, t.category) for t in tickets)
    languages = {language for language, _ in counts}
    assert languages == {"de", "en", "es", "fr", "it", "nl", "pt"}
    for language, category in product(languages, CATEGORIES):
        assert counts[language, category] >= (250 if language == "en" else 80)
    held_back = Counter(t.category for t in tickets if t.held_back)
    assert 0.08 < held_back.total() / len(tickets) < 0.12
    assert min(held_back[category] for category in CATEGORIES) >= 10


def write(folder: Path, *tickets: dict[str, object]) -> Path:
    (folder / "en").mkdir()
    lines = "".join(json.dumps(ticket) + "\n" for ticket in tickets)
    (folder / "en" / "billing.jsonl").write_text(lines, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": "bills"}, "legal"),
        ({"priority": "asap"}, "legal priority"),
        ({"sentiment": "angry"}, "legal sentiment"),
        ({"language": "de"}, "legal language"),
        ({"body": " !"}, "legal body"),
        ({"industry": ""}, "legal industry"),
        ({"extra": 1}, "exactly a ticket's keys"),
        ({"id": "billing-000"}, "the id billing-000 is taken"),
        ({"body": "First, TEXT!"}, "the same text as billing-000"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    first = {**GOOD, "id": "billing-000", "body": "first text"}
    with pytest.raises(DataError, match=f"line 2: .*{said}"):
        load_corpus(write(tmp_path, first, {**GOOD, **change}))


def test_sound_lines_are_read(tmp_path: Path) -> None:
    assert load_corpus(write(tmp_path, GOOD))[0].body == "hello"


def test_training_reproduces_the_shipped_model(tmp_path: Path) -> None:
    shipped = load()
    libraries = shipped.manifest["libraries"]
    here = {name: version(name) for name in libraries}
    if here != libraries:
        pytest.skip(f"the shipped model was made with {libraries}, here is {here}")
    out, pipe = tmp_path / "model", tmp_path / "pipeline.joblib"
    command = [sys.executable, "-m", "smartticket_training.default", str(out), "--pipeline", str(pipe)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert load(out).digest == shipped.digest
    card = (out / CARD).read_text("utf-8")
    assert card == (DEFAULT / CARD).read_text("utf-8")
    assert shipped.digest in card
    kept = Counter(t.held_back for t in load_corpus() if t.language == "nl")
    assert f"\n| nl | {kept[False]:,} | {kept[True]:,} | " in card
    check_parity(pipe)


def check_parity(pipe: Path) -> None:
    """The shipped model and its pipeline agree on the whole corpus."""
    import joblib

    model, pairs = load(), dataset(load_corpus()).pairs
    theirs = joblib.load(pipe).predict_proba(pairs)
    ours = np.array([list(p.probabilities.values()) for p in model.predict_many(pairs)])
    assert np.abs(ours - theirs).max() <= 1e-6
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()
