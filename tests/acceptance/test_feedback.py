"""Agents re-tag what the real program triaged; `status` tells, and `train` learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import BILLING, Desk, run

FEEDBACK = '[policy]\nmode = "tag"\n[categories.billing]\nthreshold = 0.3\n[feedback]\ninterval = "1ms"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Three mails, triaged as billing."""
    desk = Desk(tmp_path)
    desk.configure(FEEDBACK)
    for number in range(3):
        desk.deliver(f"Invoice {number}", BILLING)
    assert desk.once()["applied"] == 3
    return desk


def records(desk: Desk) -> list[Path]:
    """What stands beside the mails about their tags."""
    return [
        file for file in sorted((desk.root / "mail").rglob("*.json")) if "tags" in file.read_text("utf-8")
    ]


def retag(record: Path, *tags: str) -> None:
    """An agent's hand: these tags and no others; what we noted of ourselves stays."""
    told = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**told, "tags": tags}), "utf-8")


def weeks(desk: Desk) -> dict[str, Any]:
    """The present week of `status --json`."""
    done = desk.run("status", "--json")
    assert done.returncode == 0, done.stderr
    week: dict[str, Any] = json.loads(done.stdout)["feedback"]["weeks"][-1]
    return week


def test_status_tells_and_train_learns(desk: Desk, tmp_path: Path) -> None:
    first, second, _ = records(desk)
    retag(first, "category__refund_cancellation")
    retag(second)
    desk.once()
    week = weeks(desk)
    opinions = {key: week[key] for key in ("confirmed", "corrected", "rejected", "labelled")}
    assert opinions == {"confirmed": 0, "corrected": 1, "rejected": 1, "labelled": 0}
    assert (week["accuracy"], week["coverage"]) == (0.0, 1.0)
    assert "What people made of it" in desk.run("status").stdout
    data = tmp_path / "data.jsonl"
    texts = {"billing": "my invoice is wrong", "refund_cancellation": "please refund my order"}
    rows = [{"text": f"{text} {n}", "label": label} for label, text in texts.items() for n in range(9)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    columns = ("--label", "label", "--text", "text", "--no-report", "--out", str(tmp_path / "model"))
    done = desk.run("train", "--data", str(data), *columns, "--with-feedback")
    assert done.returncode == 0, done.stderr
    assert "feedback: corrected 1, labelled 0, confirmed 0" in done.stderr
    assert "19 rows" in done.stderr


def test_switched_off_nothing_is_looked_at(desk: Desk) -> None:
    desk.configure(FEEDBACK + "enabled = false\n")
    retag(records(desk)[0], "category__refund_cancellation")
    desk.once()
    assert weeks(desk)["corrected"] == 0


def test_without_anything_to_learn_from_it_says_so(tmp_path: Path) -> None:
    out = tmp_path / "model"
    neither = run("train", "--out", out)
    assert (neither.returncode, "--data" in neither.stderr) == (2, True)
    columns = run("train", "--out", out, "--with-feedback", "--text", "text")
    assert columns.returncode == 2
    alone = run(
        "train", "--out", out, "--data", "x.csv", "--label", "l", "--text", "t", "--trust", "3fa9c1d2"
    )
    assert (alone.returncode, "--with-feedback" in alone.stderr) == (2, True)
    short = run("train", "--out", out, "--with-feedback", "--trust", "3f")
    assert (short.returncode, "8 characters" in short.stderr) == (2, True)
    nothing = Desk(tmp_path).run("train", "--out", str(out), "--with-feedback")
    assert nothing.returncode == 78
    assert "nothing ran yet" in nothing.stderr
    assert not out.exists()
