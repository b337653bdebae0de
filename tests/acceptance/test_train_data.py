"""`smartticket train` on odd and bad data: it works, or says in one sentence what to mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.program import run

WORDS = {"bill": "invoice charge payment", "ship": "parcel courier tracking", "bug": "crash error screen"}


def rows(count: int) -> list[tuple[str, str]]:
    """Texts and labels that can be learnt."""
    names = sorted(WORDS)
    return [(f"{WORDS[names[n % 3]]} number{n} please", names[n % 3]) for n in range(count)]


def train(tmp_path: Path, data: list[tuple[str, str]] | bytes, *more: str) -> tuple[int, str]:
    """Exit code and what was said."""
    path = tmp_path / "data.jsonl"
    if isinstance(data, bytes):
        path = path.with_suffix(".csv")
        path.write_bytes(data)
    else:
        path.write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in data))
    done = run("train", "--data", path, "--label", "label", "--text", "text", "--out", tmp_path / "m", *more)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


GOOD: dict[str, list[tuple[str, str]]] = {
    "300 classes": [
        (f"word{n} thing{n} item{n % 7} {k}", f"class {n}") for n in range(300) for k in range(3)
    ],
    "unicode labels": [(text, f"Ünï ✓ {label} ж") for text, label in rows(60)],
    "texts of 100 kB": [*rows(60), ("invoice " * 12_500, "bill"), ("x" * 100_000, "bug")],
    "labels without sense": [(text, "xyz"[n * 7 % 11 % 3]) for n, (text, _) in enumerate(rows(90))],
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_data_work(tmp_path: Path, name: str) -> None:
    code, said = train(tmp_path, GOOD[name])
    assert code == 0, said
    answer = run("predict", "invoice charge payment", "--model", tmp_path / "m", "--json")
    assert sum(json.loads(answer.stdout)["probabilities"].values()) == pytest.approx(1)


BAD: dict[str, tuple[list[tuple[str, str]] | bytes, str]] = {
    "one class": ([("a b", "x"), ("c d", "x")], "at least two categories with text are needed, found: x"),
    "empty file": (b"", "is empty; the first line must name the columns"),
    "no rows": (b"text,label\n", "found: none"),
    "wrong encoding": ("text,label\ngr\u00fc\u00dfe,x\n".encode("latin-1"), "--encoding"),
    "no such column": (b"body,label\nx,y\n", "no column text"),
    "a cell too many": (b"text,label\na,b,c\n", "line 2: 3 cells under 2 columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    code, said = train(tmp_path, data)
    assert code == 65
    assert words in said
    assert not (tmp_path / "m").exists()


def test_cells_without_a_value_are_counted_and_left_out(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows(60)]
    lines += ['{"text": NaN, "label": "bill"}', '{"text": "invoice", "label": NaN}', '{"text": null}']
    (tmp_path / "nan.jsonl").write_text("\n".join(lines))
    out = tmp_path / "m"
    done = run("train", "--data", tmp_path / "nan.jsonl", "--label", "label", "--text", "text", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "left out: unlabelled 2, empty 1" in done.stderr


def test_everything_at_once(tmp_path: Path) -> None:
    lines = ["text,label,urgency,mood,when,who\n"]
    for n, (text, label) in enumerate(rows(120)):
        mood = ("calm", "cross")[n % 2]
        lines.append(f"{text} {mood},{label},{('low', 'high')[n % 2]},{mood},2026-01-{n % 28 + 1:02d},w{n}\n")
    (tmp_path / "foreign.jsonl").write_text('{"text": "tell me a joke"}\n{"text": "play some music"}\n')
    more = ["--priority", "urgency", "--head", "mood=mood", "--time", "when", "--group", "who"]
    more += ["--out-of-scope", str(tmp_path / "foreign.jsonl"), "--small-classes", "merge", "--jobs", "2"]
    code, said = train(tmp_path, "".join(lines).encode(), *more)
    assert code == 0, said
    for words in ("unseen rows: accuracy", "rows held out: accuracy", "priority: accuracy", "mood: accuracy"):
        assert words in said


def test_a_head_without_a_column_is_a_mistake(tmp_path: Path) -> None:
    assert train(tmp_path, rows(9), "--head", "mood")[0] == 2
