"""`smartticket train` writes a report and a card, says where, and never over another file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.program import run
from tests.acceptance.test_train_data import rows


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"text": t, "label": c}) + "\n" for t, c in rows(90)), "utf-8")
    return path


def train(data: Path, *options: str | Path) -> tuple[int, str]:
    done = run("train", "--data", data, "--label", "label", "--text", "text", "--features", "word", *options)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_report_beside_the_model_and_a_card_in_it(data: Path, tmp_path: Path) -> None:
    code, said = train(data, "--out", tmp_path / "november.1")
    report = tmp_path / "november.1.html"
    assert code == 0, said
    assert f"report written to {report}" in said.replace("\n", "")
    assert "<svg" in report.read_text("utf-8")
    assert (
        (tmp_path / "november.1" / "MODEL_CARD.md").read_text("utf-8").startswith("# Model card: november.1")
    )

    again: list[str | Path] = ["--out", tmp_path / "december", "--report", report]
    again += ["--compare", tmp_path / "november.1"]
    code, said = train(data, *again)
    assert code == 78
    assert "exists; choose another --report or add --force" in " ".join(said.split())
    assert not (tmp_path / "december").exists()
    code, said = train(data, *again, "--force")
    assert code == 0, said
    assert "current model" in report.read_text("utf-8")


def test_no_report_where_none_is_wished(data: Path, tmp_path: Path) -> None:
    code, said = train(data, "--out", tmp_path / "m", "--no-report")
    assert code == 0, said
    assert "report written" not in said
    assert sorted(f.name for f in tmp_path.iterdir()) == ["data.jsonl", "m"]
    assert not (tmp_path / "m" / "MODEL_CARD.md").exists()


def test_a_report_inside_the_model_is_refused(data: Path, tmp_path: Path) -> None:
    code, said = train(data, "--out", tmp_path / "m", "--report", tmp_path / "m" / "report.html")
    assert code == 78
    assert "must lie outside" in said
