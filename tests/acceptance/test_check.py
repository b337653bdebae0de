"""Settings as an operator meets them: what `check` finds, what `config` shows, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.program import BILLING, Desk, run


def test_settings_problems_are_78_and_all_at_once(desk: Desk) -> None:
    desk.configure('colour = "red"\n[categories.nonsense]\ntag = "x"\n[policy]\nmode = "loud"\n')
    done = desk.run("run", "--once")
    assert done.returncode == 78
    assert "[sources.desk] colour" in done.stderr
    assert "[policy] mode" in done.stderr


def test_a_category_the_model_does_not_know_is_refused(desk: Desk) -> None:
    desk.configure('[categories.nonsense]\ntag = "x"\n')
    done = desk.run("run", "--once")
    assert done.returncode == 78
    assert "[categories.nonsense]" in done.stderr
    assert "billing" in done.stderr


def test_two_categories_cannot_share_a_tag(desk: Desk) -> None:
    desk.configure('[categories.billing]\ntag = "Category__Order_Delivery"\n')
    done = desk.run("check")
    assert done.returncode == 78
    assert "category__order_delivery" in done.stdout.lower()


def test_no_source_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text(f'[daemon]\nstate_dir = "{tmp_path / "state"}"\n', "utf-8")
    done = run("run", "--once", "--config", tmp_path / "empty.toml")
    assert done.returncode == 78
    assert "no source" in done.stderr
    assert not (tmp_path / "state").exists()


def test_check_reports_good_and_bad(desk: Desk) -> None:
    good = desk.run("check")
    assert good.returncode == 0, good.stdout
    desk.configure('[sources.gone]\nkind = "folder"\npath = "/no/such/folder"\n')
    bad = desk.run("check", "--json")
    assert bad.returncode == 78
    findings = [json.loads(line) for line in bad.stdout.splitlines()]
    assert [f["place"] for f in findings if not f["ok"]] == ["gone"]


def test_check_says_that_there_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text(f'[daemon]\nstate_dir = "{tmp_path / "state"}"\n', "utf-8")
    done = run("check", "--config", tmp_path / "empty.toml")
    assert done.returncode == 78
    assert "BAD  settings: no source is configured - add a [sources.NAME] table" in done.stdout


def test_check_tells_a_broken_reply_from_a_broken_model(desk: Desk) -> None:
    replies = desk.root / "replies"
    (replies / "en").mkdir(parents=True)
    (replies / "en" / "billing.txt").write_text("Dear {{ nobody }}", "utf-8")
    desk.configure(f'[replies]\ndir = "{replies}"\n[model]\npath = "{desk.root / "model"}"\n')
    assert "BAD  model: cannot read the model file" in desk.run("check").stdout
    desk.configure(f'[replies]\ndir = "{replies}"\n')
    done = desk.run("check")
    assert done.returncode == 78
    assert "BAD  replies: " in done.stdout
    assert "unknown placeholder nobody" in done.stdout


def test_check_says_that_the_journal_is_none(desk: Desk) -> None:
    desk.state.mkdir()
    (desk.state / "journal.db").write_bytes(b"these are not the rows you are looking for" * 200)
    done = desk.run("check")
    assert done.returncode == 70
    assert "is not a journal of SmartTicket" in done.stdout


def test_check_lists_the_categories_that_cannot_be_that_precise(tmp_path: Path) -> None:
    data = tmp_path / "few.csv"
    data.write_text("label,text\na,one\nb,two\na,three\nb,four\n,five\n", "utf-8")
    trained = run("train", "--data", data, "--label", "label", "--text", "text", "--out", tmp_path / "model")
    assert trained.returncode == 0, trained.stderr
    assert "4 rows, left out: unlabelled 1" in trained.stderr
    assert "always abstain: a, b" in trained.stderr
    config = tmp_path / "s.toml"
    config.write_text(f'[model]\npath = "{tmp_path / "model"}"\n[categories.b]\nthreshold = 0.5\n', "utf-8")
    found = [json.loads(line) for line in run("check", "--config", config, "--json").stdout.splitlines()]
    assert "always abstain at this target_precision: a" in [f["text"] for f in found]


def test_config_show_and_schema(desk: Desk) -> None:
    shown = json.loads(desk.run("config", "show", "--json").stdout)
    assert shown["sources"]["desk"]["kind"] == "folder"
    assert shown["policy"]["mode"] == "suggest"
    assert json.loads(run("config", "schema").stdout)["title"] == "SmartTicket settings"


def test_the_settings_file_can_come_from_the_environment(desk: Desk) -> None:
    desk.deliver("My invoice", BILLING)
    done = run("run", "--once", SMARTTICKET_CONFIG=str(desk.config))
    assert "ledger desk: seen 1 = " in done.stdout
