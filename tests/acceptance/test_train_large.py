"""`smartticket train` on more than memory holds: chosen by itself, said, and as usable as any other model."""

from __future__ import annotations

import json
from pathlib import Path

from smartticket_training.dataset import IN_MEMORY
from tests.acceptance.program import run
from tests.acceptance.test_train_data import WORDS, rows

LONG = 1_000_000
"""Characters of a text of which only the beginning is judged, so that a large file is quickly learnt."""


def write(path: Path, *more: str) -> Path:
    """Tickets that can be learnt, and as many long ones as make them too large for memory."""
    data = rows(900)
    data += [((WORDS["bill"] + " ") * (LONG // 24) + str(n), "bill") for n in range(IN_MEMORY // LONG + 1)]
    lines = [json.dumps({"text": text, "label": label}) for text, label in data]
    path.write_text("\n".join([*lines, *more]))
    return path


def train(data: Path, out: Path) -> tuple[int, str, str]:
    """Exit code, and what was written to both outputs."""
    done = run(
        *("train", "--data", data, "--label", "label", "--text", "text", "--out", out),
        *("--features", "word", "--no-report", "--json"),
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_too_large_for_memory(tmp_path: Path) -> None:
    code, told, said = train(write(tmp_path / "a.jsonl"), tmp_path / "m")
    assert code == 0, said
    assert json.loads(told)["in_memory"] is False
    assert "more than memory holds, so they were learnt piece by piece" in said
    assert json.loads(told)["out_of_fold"]["accuracy"] > 0.95
    answer = run("predict", "a crash, an error on the screen", "--model", tmp_path / "m", "--json")
    assert json.loads(answer.stdout)["label"] == "bug"
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "m"}


def test_a_broken_line_is_refused_as_ever(tmp_path: Path) -> None:
    code, _, said = train(write(tmp_path / "a.jsonl", "", "{broken"), tmp_path / "m")
    assert code == 65
    assert f"line {len(rows(900)) + IN_MEMORY // LONG + 3}: not JSON" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
