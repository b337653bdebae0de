"""Problems with the settings in the operator's words: where, what, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smartticket_daemon.errors import ConfigurationError

_WORDS = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": ("is not a known key", "check its spelling; `smartticket config schema` lists all"),
    "tuple_type": ("must be a list", 'as in ["a", "b"]'),
    "dict_type": ("must be a table", ""),
    "model_type": ("must be a table", ""),
    "path_type": ("must be a path", "put it in quotes"),
    "string_pattern_mismatch": ("has characters that are not allowed here", "use a-z, 0-9, - and _"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings."""

    key: tuple[str, ...]
    text: str
    mend: str

    def __str__(self) -> str:
        table, name = ".".join(self.key[:-1]), self.key[-1]
        place = f"[{table}] {name}" if table else name
        return f"{place}: {self.text}" + (f" - {self.mend}" if self.mend else "")


def problems_of(error: ValidationError, place: tuple[str, ...] = ()) -> list[Problem]:
    """The validator's complaints, reworded; values are never shown, for one may be a secret."""
    return [_problem(detail, place) for detail in error.errors(include_input=False, include_url=False)]


def _problem(detail: ErrorDetails, place: tuple[str, ...]) -> Problem:
    key = place + tuple(str(part) for part in detail["loc"] if part != "[key]")
    text, mend = _WORDS.get(detail["type"], (detail["msg"].removeprefix("Value error, "), ""))
    return Problem(key or ("settings",), text, mend)


def refuse(where: str, problems: Iterable[Problem]) -> NoReturn:
    """Raise one ConfigurationError that lists them all."""
    lines = "\n".join(f"  {problem}" for problem in problems)
    raise ConfigurationError(f"{where}: the settings cannot be used:\n{lines}") from None
