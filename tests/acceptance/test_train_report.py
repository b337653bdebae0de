"""`smartticket train` writes a report and a card, says where, and never over another file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from smartticket_daemon.cli.train_view import STAGES
from tests.acceptance.program import PROGRAM, run
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


def test_one_object_for_programs(data: Path, tmp_path: Path) -> None:
    done = run(
        *("train", "--data", data, "--label", "label", "--text", "text", "--features", "word", "--json"),
        *("--out", tmp_path / "m", "--held-out", "0.2"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["model"] == str(tmp_path / "m")
    assert told["digest"] == hashlib.sha256((tmp_path / "m" / "manifest.json").read_bytes()).hexdigest()
    assert told["categories"] == ["bill", "bug", "ship"]
    assert set(told["thresholds"]) | set(told["out_of_reach"]) == set(told["categories"])
    assert told["rows"] == 90 - sum(told["dropped"].values()) == told["out_of_fold"]["n"]
    assert told["held_out"]["n"] == 18
    assert [Path(told[name]).is_file() for name in ("report", "card")] == [True, True]
    assert told["seconds"] > 0
    assert 30 < told["memory_mib"] < 2048
    stages = [f"{stage} ..." for stage in STAGES if stage != "corrections"]
    assert [line for line in done.stderr.splitlines() if line.endswith(" ...")] == stages
    words = run("train", "--help").stdout
    assert all(key in words for key in told)


def test_a_bar_on_a_terminal(data: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = ["train", "--data", str(data), "--label", "label", "--text", "text", "--features", "word"]
    with subprocess.Popen(
        [PROGRAM, *command, "--out", str(tmp_path / "m"), "--no-report", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as running:
        os.close(theirs)
        shown = everything(ours)
        assert running.stdout is not None
        told = json.loads(running.stdout.read())
    assert running.returncode == 0, shown
    assert told["report"] is told["card"] is None
    assert "fit" in shown
    assert "5/5" in shown
    assert " ...\n" not in shown


def everything(terminal: int) -> str:
    """What appears on it until the program ends; then Linux answers with an error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
