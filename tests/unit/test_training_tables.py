"""Data files: what is read, and in which words a broken one is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from smartticket_daemon.errors import DataError
from smartticket_training.tables import read_rows

SECRET = "dear-customer-text"


def read(path: Path, content: bytes | str, encoding: str = "utf-8") -> list[tuple[int, dict[str, str]]]:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return [(row.line, row.cells) for row in read_rows(path, ["text", "label"], encoding)]


@pytest.mark.parametrize("name", ["a.csv", "a.CSV.gz", "a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_the_kinds_of_files(tmp_path: Path, name: str) -> None:
    content = "text,label\nhallo ö,NA\n" if "csv" in name.lower() else '{"text": "hallo ö", "label": "NA"}\n'
    assert [cells for _, cells in read(tmp_path / name.lower(), content)] == [
        {"text": "hallo ö", "label": "NA"}
    ]


def test_csv_cells_are_text_and_quotes_hold_line_breaks(tmp_path: Path) -> None:
    content = '\ufefftext,label\r\n"a ""b"",\r\nc",x\r\n\r\n NA ,1.0\r\n,null\r\n'
    assert read(tmp_path / "a.csv", content) == [
        (3, {"text": 'a "b",\r\nc', "label": "x"}),
        (5, {"text": " NA ", "label": "1.0"}),
        (6, {"text": "", "label": "null"}),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_seen(tmp_path: Path, separator: str) -> None:
    rows = read(tmp_path / "a.csv", f"text{separator}label\na{separator}b\n")
    assert rows == [(2, {"text": "a", "label": "b"})]


def test_other_encodings_and_nul(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "text,label\nZürich\0,x\n".encode("cp1252"), "cp1252") == [
        (2, {"text": "Zürich", "label": "x"})
    ]
    rows = read(tmp_path / "a.csv", "text,label\nZürich,x\n".encode("utf-16"), "utf-16")
    assert rows[0][1]["text"] == "Zürich"


def test_json_values_become_text(tmp_path: Path) -> None:
    content = (
        '{"text": "a\\u0000b\\ud800\\u2028", "label": 3}\n\n{"text": null, "label": true}\n{"label": NaN}\n'
    )
    assert read(tmp_path / "a.jsonl", content) == [
        (1, {"text": "ab?\u2028", "label": "3"}),
        (3, {"text": "", "label": "true"}),
        (4, {"text": "", "label": ""}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"text\nx\n", "line 1: no column label; there are: text"),
        (
            "a.csv",
            b"ann@example.com,I was charged twice for it\nx,y\n",
            "are: 2 that look like text, not like names",
        ),
        ("a.csv", b"text,label,text\n", "line 1: two columns have the same name"),
        ("a.csv", f"text,label\na,b\n{SECRET},b,c\n".encode(), "line 3: 3 cells under 2 columns; put quotes"),
        ("a.csv", f'text,label\n"{SECRET},b\n'.encode(), "mend the quotes"),
        ("a.csv", f'text,label\n"{SECRET}"x,b\n'.encode(), "line 2: .*mend the quotes"),
        (
            "a.csv",
            f"text,label\n{SECRET},b\n\xe9,b\n".encode("latin-1"),
            "line 3: not utf-8 text; .*--encoding",
        ),
        ("a.jsonl", f'{{"text": "{SECRET}"}}\n{SECRET}\n'.encode(), "line 2: not JSON"),
        ("a.jsonl", f'["{SECRET}"]\n'.encode(), "line 1: not an object"),
        ("a.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("a.jsonl", f'{{"text": "{SECRET}"}}\n'.encode(), "no line has a field label"),
        ("a.jsonl", b"", "no line has a field text"),
        ("a.xlsx", b"PK", "not a kind of data file"),
    ],
)
def test_a_broken_file_is_refused_without_its_text(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path / name, content)
    assert name in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_first_line_that_is_no_text_is_named_however_far_it_is(tmp_path: Path) -> None:
    content = b"text,label\n" + b"a,b\n" * 500_000 + b"\xff,b\n"
    with pytest.raises(DataError, match="line 500002: not utf-8"):
        read(tmp_path / "a.csv", content)


@pytest.mark.parametrize(
    "harm", [lambda b: b[:-9], lambda b: b[:30] + b"\xff\xff" + b[32:], lambda _: b"no gzip"]
)
def test_a_broken_gzip_is_refused(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(harm(gzip.compress(b"text,label\n" + bytes(range(32, 127)) * 9)))  # type: ignore[operator]
    with pytest.raises(DataError, match="compress it again"):
        list(read_rows(path, ["text"]))


def test_a_missing_file_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        list(read_rows(tmp_path / "none.csv", ["text"]))
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        list(read_rows(tmp_path, ["text"]))
    with pytest.raises(DataError, match="no such encoding as klingon"):
        read(tmp_path / "a.csv", b"text,label\n", "klingon")
