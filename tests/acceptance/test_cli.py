"""The command line as an operator meets it: rounds, dry runs, status, quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from smartticket_daemon.cli.app import app
from tests.acceptance.program import BILLING, Desk, run

PROPOSAL = [
    "source",
    "ticket",
    "subject",
    "category",
    "confidence",
    "decision",
    "tags",
    "route",
    "reply",
    "why",
    "skipped",
]


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("run", "check", "predict", "explain", "status", "quarantine", "config", "demo", "train"):
        assert command in done.stdout


def commands(group: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for part, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name}{part} ")
        else:
            yield f"{name}{part}", command


def test_every_command_can_answer_in_json() -> None:
    without = {
        name
        for name, command in commands(get_command(app))
        if not any("--json" in p.opts for p in command.params)
    }
    assert without == {"config schema"}, "which is JSON itself"


def test_an_unknown_option_is_a_usage_error() -> None:
    assert run("run", "--sideways").returncode == 2
    assert run("predict").returncode == 2
    assert run("predict", "x", "--data", "y.csv", "--text", "t").returncode == 2


def test_status_where_nothing_ran_yet_is_empty_and_makes_nothing(desk: Desk) -> None:
    done = desk.run("status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"sources": {}})
    assert not desk.state.exists()


def test_one_round_then_status_then_explain(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    desk.deliver("Out of office", "I am away", Auto_Submitted="auto-replied")
    ledger = desk.once()
    assert ledger == {
        "seen": 2,
        "applied": 1,
        "observed": 0,
        "abstained": 0,
        "skipped": 1,
        "quarantined": 0,
        "pending": 0,
    }
    source = json.loads(desk.run("status", "--json").stdout)["sources"]["desk"]
    assert {word: source[word] for word in ledger} == ledger
    assert source["skip_reasons"] == {"auto_reply": 1}
    assert source["health"] == "ok"
    before = desk.files()
    assert desk.once() == ledger
    assert desk.files() == before


def test_the_last_line_of_a_round_is_the_ledger(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    last = desk.run("run", "--once").stdout.splitlines()[-1]
    assert last.startswith("ledger desk: seen 1 = applied 1 + ")


def test_dry_run_shows_everything_and_changes_nothing(desk: Desk) -> None:
    desk.configure('[categories.billing]\nroute = "Billing"\n')
    desk.deliver("My invoice", BILLING)
    desk.deliver("Out of office", "I am away", Auto_Submitted="auto-replied")
    before = desk.files()
    done = desk.run("run", "--dry-run", "--once", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    shown, skipped = (json.loads(line) for line in done.stdout.splitlines())
    assert list(shown) == PROPOSAL
    assert (shown["category"], shown["decision"], shown["tags"]) == (
        "billing",
        "apply",
        ["category__billing"],
    )
    assert (shown["route"], shown["reply"], shown["skipped"]) == ("Billing", "billing.en", None)
    assert "invoice" in shown["why"] or "charged" in shown["why"]
    assert (skipped["decision"], skipped["skipped"], skipped["tags"]) == ("skip", "auto_reply", [])
    assert desk.files() == before
    assert not desk.state.exists()


def test_dry_run_goes_on_where_the_daemon_stopped(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    ledger = desk.once()
    desk.deliver("Again", "My password is refused and I cannot log in to my account")
    done = desk.run("run", "--dry-run", "--once", "--json")
    assert [json.loads(line)["subject"] for line in done.stdout.splitlines()] == ["Again"]
    assert json.loads(desk.run("status", "--json").stdout)["sources"]["desk"]["seen"] == ledger["seen"]


def test_explain_names_the_words_that_decided(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    desk.once()
    proposed = desk.run("run", "--dry-run", "--once", "--json").stdout
    assert proposed == ""
    unknown = desk.run("explain", "no-such-thing")
    assert unknown.returncode == 1
    assert "no-such-thing" in unknown.stderr


def test_observe_keeps_the_record_and_leaves_the_mailbox(desk: Desk) -> None:
    desk.configure('mode = "observe"\n')
    desk.deliver("My invoice", BILLING)
    before = desk.files()
    assert desk.once()["observed"] == 1
    assert desk.files() == before


def test_tag_tags_and_routes_and_writes_no_draft(desk: Desk) -> None:
    desk.configure('mode = "tag"\n')
    desk.deliver("My invoice", BILLING)
    assert desk.once()["applied"] == 1
    assert not any("Drafts" in name for name in desk.files())


def test_quarantine_where_nothing_ran_says_so(desk: Desk) -> None:
    done = desk.run("quarantine", "list")
    assert done.returncode == 1
    assert "nothing ran yet" in done.stderr


def test_quarantine_list_replay_and_drop(desk: Desk) -> None:
    desk.once()
    assert desk.run("quarantine", "list", "--json").stdout == ""
    assert desk.run("quarantine", "drop").returncode == 2
    missing = desk.run("quarantine", "replay", "abc")
    assert missing.returncode == 1
    assert "'abc'" in missing.stderr
    assert json.loads(desk.run("quarantine", "replay", "--all", "--json").stdout) == {
        "replayed": 0,
        "left": 0,
    }
    assert json.loads(desk.run("quarantine", "drop", "--all", "--json").stdout) == {"dropped": 0}


def test_no_command_prints_customers_text_in_its_log(desk: Desk) -> None:
    desk.deliver("canary-subject", f"canary-body {BILLING}", Reply_To="canary-address@customer.example")
    done = desk.run("run", "--once", "--verbose")
    assert done.returncode == 0
    assert "canary" not in done.stderr
    for line in done.stderr.splitlines():
        assert json.loads(line)["event"]
