"""Fields of Zendesk's JSON, nearly any of which may be null or missing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


class MalformedError(ValueError):
    """A field without which nothing can be done has a value that makes no sense."""


def whole(value: Any) -> int | None:
    """An id or count; events give them as text. None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(value: Any) -> str:
    """A string, empty for anything else."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """The strings of an array."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def objects(value: Any) -> list[Json]:
    """The objects of an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inner(value: Any, *names: str) -> Json:
    """The object at the end of a chain of names, empty where the chain breaks."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def moment(value: Any) -> datetime:
    """ISO 8601 in UTC. Raises MalformedError."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        raise MalformedError("time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
