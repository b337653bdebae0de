"""Settings that every source has, and the types its own settings are made of."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from smartticket_daemon.domain import Mode
from smartticket_daemon.errors import ConfigurationError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*", re.ASCII)


def parse_duration(value: Any) -> Any:
    """`"90s"`, `"5m"`, `"7d"` (or a plain number of seconds) as a timedelta."""
    if isinstance(value, str):
        if not (match := _DURATION.fullmatch(value)):
            raise ValueError('a duration looks like "60s", "5m", "2h" or "7d"')
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, bool):
        raise ValueError('a duration looks like "60s", "5m", "2h" or "7d"')
    return timedelta(seconds=value) if isinstance(value, int | float) else value


def show_duration(value: timedelta) -> str:
    """As it is written in the settings: `"90s"`."""
    return f"{value.total_seconds():g}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(show_duration, return_type=str, when_used="json"),
    Field(gt=timedelta(0)),
]


def parse_start(value: Any) -> Any:
    """A date means midnight UTC at its beginning."""
    if isinstance(value, str) and value not in ("now", "all"):
        value = _parse_date(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value


def _parse_date(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('start is "now", "all" or a date such as "2026-11-01"') from None


Start = Annotated[Literal["now", "all"] | datetime, BeforeValidator(parse_start, json_schema_input_type=str)]


class SourceSettings(BaseModel):
    """Keys that any source may have; a connector adds its own in a subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str
    start: Start = "now"
    mode: Mode | None = Field(default=None, description="overrides [policy] mode for this source")
    max_age: Duration = Field(
        default=timedelta(days=7), description="older messages are skipped where start is now"
    )
    on_reply: Literal["skip", "triage"] = "skip"
    own_addresses: tuple[str, ...] = Field(
        default=(), description="our own addresses: mail from them is never triaged"
    )

    @property
    def one_tag(self) -> bool:
        """Whether a ticket takes the category alone, and no further tag of ours."""
        return False

    @property
    def place(self) -> str | None:
        """Equal for two sources that serve the same messages; None where nobody can tell."""
        return None


def read_secret(path: Path, what: str) -> str:
    """First line of a secret file; a relative path is looked up where services put credentials.

    Order: $CREDENTIALS_DIRECTORY, /run/secrets, then the working directory.
    Raises ConfigurationError, which names the file and never shows its content.
    """
    for candidate in _candidates(path):
        try:
            lines = candidate.read_text("utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8 text"
            raise ConfigurationError(f"{what}: cannot read {candidate}: {reason}") from None
        if not lines or not lines[0].strip():
            raise ConfigurationError(f"{what}: {candidate} is empty; put the secret on its first line")
        return lines[0].strip("\r\n")
    raise ConfigurationError(f"{what}: no file {path}; create it, readable by the service alone")


def _candidates(path: Path) -> list[Path]:
    if path.is_absolute():
        return [path]
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(credentials)] if credentials else []
    return [*(p / path for p in places), Path("/run/secrets") / path, path]
