"""Data files: CSV and JSON Lines, plain or .gz, as rows of text, one after the other. Standard library only.

UTF-8 with or without a BOM unless told otherwise; every cell is text ("NA" too); NUL bytes are dropped.
Raises DataError with file, line and mend, and never a cell's content.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from smartticket_daemon.errors import DataError

_LARGEST_CELL = 1 << 26
_PIECE = 1 << 20
_SEPARATORS = ",;\t"
_NAME = re.compile(r"[\w .:/()#-]{1,40}")
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its line in the file (of a CSV, the last) and its cells by column."""

    line: int
    cells: dict[str, str]


def read_rows(path: str | Path, columns: Sequence[str], encoding: str = "utf-8-sig") -> Iterator[Row]:
    """Rows in file order, each with at least `columns`.

    A CSV that lacks one of the columns is refused; a JSON object that lacks one has it empty, but one that
    no object has is refused at the end.
    """
    path = Path(path)
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    newline = "" if kind == "csv" else "\n"
    if encoding.lower() in ("utf-8", "utf8"):
        encoding = "utf-8-sig"
    try:
        with _open(path) as file, io.TextIOWrapper(file, encoding, newline=newline) as text:
            if kind == "csv":
                yield from _csv_rows(path, text, columns)
            elif kind in ("jsonl", "ndjson"):
                yield from _json_rows(path, text, columns)
            else:
                known = "use .csv or .jsonl (or either with .gz)"
                raise DataError(f"{path}: not a kind of data file that is known; {known}")
    except UnicodeDecodeError:
        line = _first_unreadable(path, encoding)
        mend = "save it as UTF-8 or name its encoding with --encoding"
        raise DataError(f"{path}, line {line}: not {encoding.removesuffix('-sig')} text; {mend}") from None
    except LookupError:
        raise DataError(f"{path}: no such encoding as {encoding}; utf-8 or cp1252 for example") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(f"{path}: the compressed file is broken; compress it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _first_unreadable(path: Path, encoding: str) -> int:
    """The line that holds the first byte that is no text; the reader itself runs ahead of its rows."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    with _open(path) as file:
        while True:
            piece = file.read(_PIECE)
            try:
                line += decoder.decode(piece, final=not piece).count("\n")
            except UnicodeDecodeError as error:
                return line + error.object.count(b"\n", 0, error.start)


def _csv_rows(path: Path, text: TextIO, columns: Sequence[str]) -> Iterator[Row]:
    csv.field_size_limit(_LARGEST_CELL)
    lines = (line.replace("\0", "") for line in text)
    head = next(lines, "")
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(chain([head], lines), delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        _check_header(path, header, columns)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                counts = f"{len(cells)} cells under {len(header)} columns"
                mend = "put quotes around text that holds the separator or line breaks"
                raise DataError(f"{path}, line {reader.line_num}: {counts}; {mend}")
            yield Row(reader.line_num, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}; mend the quotes") from None


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path}: is empty; the first line must name the columns")
    if len(set(header)) != len(header):
        raise DataError(f"{path}, line 1: two columns have the same name; rename one")
    if missing := [column for column in columns if column not in header]:
        raise DataError(f"{path}, line 1: no column {missing[0]}; there are: {_named(header)}")


def _named(columns: Sequence[str]) -> str:
    """The columns' names. A file without a header has customers' words there: they are counted, not shown."""
    names = [name for name in columns if _NAME.fullmatch(name) and len(name.split()) <= _MOST_WORDS]
    others = len(columns) - len(names)
    return ", ".join([*names, *([f"{others} that look like text, not like names"] if others else [])])


def _json_rows(path: Path, text: TextIO, columns: Sequence[str]) -> Iterator[Row]:
    seen: set[str] = set()
    for line, raw in enumerate(text, 1):
        if raw.strip():
            cells = _json_cells(path, line, raw.replace("\0", ""))
            seen.update(cells)
            yield Row(line, {**dict.fromkeys(columns, ""), **cells})
    if missing := [column for column in columns if column not in seen]:
        raise DataError(f"{path}: no line has a field {missing[0]}; there are: {_named(sorted(seen))}")


def _json_cells(path: Path, line: int, raw: str) -> dict[str, str]:
    try:
        value = json.loads(raw, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise DataError(f"{path}, line {line}: not JSON; each line must be one object") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}, line {line}: not an object; each line must be one, as {{...}}")
    return {key: _cell(item) for key, item in value.items()}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")  # "\ud800" is legal JSON
