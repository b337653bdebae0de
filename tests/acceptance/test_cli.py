"""The command line as an operator meets it: forms, output, exit codes."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from tests.acceptance.program import BILLING, Desk, run

KEYS = ["label", "confidence", "decision", "reason", "probabilities", "suggested_response"]
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


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("run", "check", "predict", "explain", "status", "quarantine", "config", "demo", "train"):
        assert command in done.stdout


def test_an_unknown_option_is_a_usage_error() -> None:
    assert run("run", "--sideways").returncode == 2
    assert run("predict").returncode == 2
    assert run("predict", "x", "--data", "y.csv", "--text", "t").returncode == 2


def test_predict_answers_one_text() -> None:
    done = run("predict", BILLING, "--json")
    answer = json.loads(done.stdout)
    assert list(answer) == KEYS
    assert (answer["label"], answer["decision"]) == ("billing", "apply")
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-9
    assert answer["confidence"] == max(answer["probabilities"].values())
    assert answer["suggested_response"].startswith("Hello")


def test_predict_reads_standard_input_as_one_message() -> None:
    from_argument = json.loads(run("predict", f"{BILLING}\nThank you", "--json").stdout)
    assert json.loads(run("predict", "-", "--json", given=f"{BILLING}\nThank you").stdout) == from_argument


def test_standard_input_is_read_as_a_data_file_is() -> None:
    plain = run("predict", BILLING, "--json").stdout
    assert run("predict", "-", "--json", given=f"\ufeff{BILLING[:9]}\0{BILLING[9:]}").stdout == plain


def test_columns_without_a_data_file_are_a_mistake() -> None:
    assert run("predict", "hello", "--text", "body").returncode == 2


def test_predict_of_nothing_abstains() -> None:
    answer = json.loads(run("predict", "  ", "--json").stdout)
    assert (answer["decision"], answer["reason"], answer["suggested_response"]) == ("abstain", "empty", None)


def test_predict_answers_a_file_row_by_row_in_order(tmp_path: Path) -> None:
    texts = [BILLING, "", "I cannot log in, my password is refused", "NA"]
    with (tmp_path / "rows.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([["n", "text"], *([n, t] for n, t in enumerate(texts))])
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"s": "", "b": text}) + "\n" for text in texts)
    from_csv = run("predict", "--data", tmp_path / "rows.csv", "--text", "text", "--json")
    answers = [json.loads(line) for line in from_csv.stdout.splitlines()]
    assert [a["label"] for a in answers[::2]] == ["billing", "account_access"]
    assert [a["reason"] == "empty" for a in answers] == [False, True, False, False]
    from_gz = run("predict", "--data", tmp_path / "rows.jsonl.gz", "--subject", "s", "--body", "b", "--json")
    assert from_gz.stdout == from_csv.stdout


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        (b"text\n\xff\xfe\n", "text", "line 2"),
        (b"text\nhello\n", "body", "no column body"),
        (b'text\n"open\n', "text", "line"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(
    tmp_path: Path, content: bytes, column: str, words: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    done = run("predict", "--data", tmp_path / "rows.csv", "--text", column)
    assert done.returncode == 65
    assert words in done.stderr
    assert "rows.csv" in done.stderr


def test_a_missing_model_is_a_configuration_error(tmp_path: Path) -> None:
    done = run("predict", "hello", "--model", tmp_path / "nowhere")
    assert done.returncode == 78
    assert str(tmp_path / "nowhere") in done.stderr


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


def test_no_command_prints_customers_text_in_its_log(desk: Desk) -> None:
    desk.deliver("canary-subject", f"canary-body {BILLING}", Reply_To="canary-address@customer.example")
    done = desk.run("run", "--once", "--verbose")
    assert done.returncode == 0
    assert "canary" not in done.stderr
    for line in done.stderr.splitlines():
        assert json.loads(line)["event"]
