"""`smartticket models` as an operator uses it, and the running daemon that takes a promoted model up."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smartticket_model import load
from tests.acceptance.program import BILLING, PROGRAM, Desk
from tests.artifacts import another, confused, renamed, rows

COLUMNS = ("--label", "label", "--subject", "subject", "--body", "body")
PATIENCE = 60


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """As good as the shipped one (`equal`), worse (`confused`), of other categories (`renamed`); `rows`."""
    folder = tmp_path_factory.mktemp("models")
    another(folder / "equal", 1)
    confused(folder / "confused")
    renamed(folder / "renamed")
    return {name: folder / name for name in ("equal", "confused", "renamed")} | {
        "rows": rows(folder / "rows.jsonl")
    }


def promote(desk: Desk, model: object, *options: object) -> subprocess.CompletedProcess[str]:
    return desk.run("models", "promote", str(model), *map(str, options))


def listed(desk: Desk) -> dict[str, Any]:
    done = desk.run("models", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_worse_model_is_refused_with_figures_and_promoted_when_forced(
    desk: Desk, models: dict[str, Path]
) -> None:
    refused = promote(
        desk, models["confused"], "--data", models["rows"], *COLUMNS, "--group", "sender", "--json"
    )
    assert refused.returncode == 1
    told = json.loads(refused.stdout)
    assert told["promoted"] is False
    assert {"billing", "technical_issue"} <= set(told["compared"]["fallen"])
    assert told["compared"]["figures"]["accuracy"]["high"] < 0
    assert "is not promoted" in refused.stderr
    assert listed(desk)["current"] == load().digest
    forced = promote(desk, models["confused"], "--data", models["rows"], *COLUMNS, "--force")
    assert forced.returncode == 0, forced.stderr
    assert "macro f1" in forced.stdout
    found = listed(desk)
    assert found["current"] == load(models["confused"]).digest
    assert found["history"][0]["against"]


def test_an_equal_model_is_promoted_and_rolled_back(desk: Desk, models: dict[str, Path]) -> None:
    done = promote(desk, models["equal"], "--data", models["rows"], *COLUMNS, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["against"] == []
    digest = load(models["equal"]).digest
    assert [m["digest"] for m in listed(desk)["models"]] == [digest, load().digest]
    assert "*" in desk.run("models", "list").stdout
    back = desk.run("models", "rollback", "--json")
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout) == {"digest": load().digest, "before": digest, "shipped": True}
    assert listed(desk)["current"] == load().digest
    assert desk.run("models", "rollback").returncode == 1
    by_digest = promote(desk, digest[:8], "--data", models["rows"], *COLUMNS)
    assert by_digest.returncode == 0, by_digest.stderr
    assert listed(desk)["current"] == digest


def test_what_cannot_be_compared_is_refused(desk: Desk, models: dict[str, Path]) -> None:
    alone = promote(desk, models["equal"])
    assert (alone.returncode, "nothing was compared" in alone.stderr) == (1, True)
    desk.configure('[categories.billing]\nroute = "Billing"\n')
    odd = promote(desk, models["renamed"], "--data", models["rows"], *COLUMNS)
    assert odd.returncode == 1
    assert "[categories.billing]" in odd.stderr
    usage = promote(desk, models["equal"], "--data", models["rows"])
    assert usage.returncode == 2
    missing = promote(desk, models["equal"], "--data", desk.root / "missing.csv", *COLUMNS)
    assert missing.returncode == 65
    assert promote(desk, "0000").returncode == 78
    desk.configure(f'[model]\npath = "{models["equal"]}"\n')
    elsewhere = promote(desk, models["equal"], "--force")
    assert (elsewhere.returncode, "[model] path" in elsewhere.stderr) == (78, True)


@pytest.mark.parametrize("name", ["manifest.json", "weights"])
def test_a_damaged_artifact_is_refused_even_when_forced(desk: Desk, tmp_path: Path, name: str) -> None:
    another(tmp_path / "bad", 3)
    file = next(f for f in (tmp_path / "bad").iterdir() if name in f.name)
    file.write_bytes(file.read_bytes()[:-9])
    done = promote(desk, tmp_path / "bad", "--force")
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert listed(desk)["current"] == load().digest


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "the daemon takes too long"
        time.sleep(0.05)


def events(desk: Desk, name: str) -> list[dict[str, Any]]:
    lines = (desk.root / "log").read_text("utf-8").splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == name]


@pytest.fixture
def daemon(desk: Desk) -> Iterator[subprocess.Popen[str]]:
    """At work on the desk in observe mode, a round every 100 ms."""
    desk.configure('[policy]\nmode = "observe"\n')
    text = desk.config.read_text("utf-8").replace("[daemon]\n", '[daemon]\npoll_interval = "100ms"\n')
    desk.config.write_text(text, "utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
    command = [PROGRAM, "run", "--config", str(desk.config)]
    with (desk.root / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, stderr=log, text=True, env=clean)
    wait_until(lambda: bool(events(desk, "ready")))
    yield process
    process.kill()
    process.wait(PATIENCE)


def messages(desk: Desk) -> list[tuple[str, str, str]]:
    """Key, when it was recorded (the same moment for a whole batch) and by which model, in order."""
    with closing(sqlite3.connect(desk.state / "journal.db")) as journal:
        return journal.execute("select key, updated, model from message order by id").fetchall()


def last_model(desk: Desk) -> str:
    return messages(desk)[-1][2]


def settled(desk: Desk) -> None:
    """All that was delivered is in the journal."""
    wait_until(lambda: len(messages(desk)) == desk.count)


def test_the_running_daemon_takes_a_promoted_model_up_between_two_batches(
    desk: Desk, daemon: subprocess.Popen[str], models: dict[str, Path]
) -> None:
    mine = load(models["equal"]).digest
    for turn in range(4):
        for _ in range(15):
            desk.deliver("My invoice is wrong", BILLING)
        done = desk.run("models", "rollback") if turn % 2 else promote(desk, models["equal"], "--force")
        assert done.returncode == 0, done.stderr
        settled(desk)
        desk.deliver("My invoice is wrong again", BILLING)
        settled(desk)
    batches: dict[Any, set[str]] = defaultdict(set)
    for _, when, model in messages(desk):
        batches[when].add(model)
    assert all(len(found) == 1 for found in batches.values())
    assert {model for found in batches.values() for model in found} == {mine, load().digest}
    assert [e["digest"] for e in events(desk, "model_loaded")] == [mine, load().digest] * 2
    assert last_model(desk) == load().digest
    status = json.loads(desk.run("status", "--json").stdout)
    assert (status["model"]["digest"], status["model"]["error"]) == (load().digest, "")
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE) == 0


def test_a_promoted_model_that_is_damaged_turns_status_red_and_the_old_one_works_on(
    desk: Desk, daemon: subprocess.Popen[str], models: dict[str, Path]
) -> None:
    desk.deliver("My invoice is wrong", BILLING)
    settled(desk)
    folder = desk.state / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(b"{}")
    (folder.parent / "current").symlink_to("broken")
    desk.deliver("My invoice is wrong again", BILLING)
    settled(desk)
    desk.deliver("And again", BILLING)
    settled(desk)
    assert {model for _, _, model in messages(desk)} == {load().digest}
    assert len(events(desk, "model_refused")) == 1
    red = desk.run("status", "--json")
    assert red.returncode == 78
    told = json.loads(red.stdout)["model"]
    assert told["digest"] == load().digest
    assert told["error"]
    assert told["error"] in desk.run("status").stdout
    assert promote(desk, models["equal"], "--force").returncode == 0
    desk.deliver("And once more", BILLING)
    settled(desk)
    assert last_model(desk) == load(models["equal"]).digest
    assert desk.run("status").returncode == 0


def test_a_decision_is_explained_by_its_own_model_as_long_as_that_is_here(
    desk: Desk, models: dict[str, Path]
) -> None:
    assert promote(desk, models["equal"], "--force").returncode == 0
    desk.deliver("My invoice is wrong", BILLING)
    assert desk.once()["seen"] == 1
    assert promote(desk, models["confused"], "--force").returncode == 0
    key = messages(desk)[0][0]
    told = json.loads(desk.run("explain", key, "--json").stdout)
    assert told["category"] == "billing"
    assert told["trouble"] == ""
    assert {"invoice", "charged"} & {term["term"] for term in told["why"][:10] if term["contribution"] > 0}
    kept = desk.state / "models" / load(models["equal"]).digest[:12]
    kept.rename(kept.with_name("away"))
    gone = json.loads(desk.run("explain", key, "--json").stdout)
    assert gone["why"] == []
    assert "not here any more" in gone["trouble"]
