"""`smartticket predict`: forms, input, exit codes."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from tests.acceptance.program import BILLING, run

KEYS = ["label", "confidence", "decision", "reason", "probabilities", "suggested_response"]


def test_predict_answers_one_text() -> None:
    done = run("predict", BILLING, "--json")
    answer = json.loads(done.stdout)
    assert list(answer) == KEYS
    assert (answer["label"], answer["decision"]) == ("billing", "apply")
    assert abs(sum(answer["probabilities"].values()) - 1) < 1e-9
    assert answer["confidence"] == max(answer["probabilities"].values())
    assert answer["suggested_response"].startswith("Hello")


def test_predict_says_why_and_why_not_the_runner_up() -> None:
    answer = json.loads(run("predict", BILLING, "--json", "--why").stdout)
    ranked = sorted(answer["probabilities"], key=answer["probabilities"].get, reverse=True)
    assert (answer["label"], answer["runner_up"]["label"]) == (ranked[0], ranked[1])
    assert any("charged" in term["term"] for term in answer["why"][:5])
    assert answer["runner_up"]["why"] != answer["why"]
    shown = run("predict", BILLING, "--why").stdout
    assert f"Why not {ranked[1]}" in shown
    assert "why" not in json.loads(run("predict", BILLING, "--json").stdout)


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
