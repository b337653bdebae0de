"""What an account calls its fields."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.fields import number
from smartticket_daemon.errors import AccessDenied
from smartticket_daemon.text import clean_line

_PRIORITIES = {1: "Low", 2: "Medium", 3: "High", 4: "Urgent"}


class FieldNames:
    """Read once. Where the fields are not for us to list, they keep the names that the API gives them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._labels: dict[str, str] | None = None

    def fields(self, ticket: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """Type, priority and custom fields as agents see them; those without a value are left out."""
        custom = ticket.get("custom_fields")
        custom = custom if isinstance(custom, dict) else {}
        values = {
            "type": ticket.get("type"),
            "priority": _PRIORITIES.get(number(ticket.get("priority")) or 0),
            **{self._label(name): value for name, value in custom.items()},
        }
        return tuple((name, shown) for name, value in values.items() if (shown := _shown(value)))

    def _label(self, name: str) -> str:
        if self._labels is None:
            self._labels = {}
            with suppress(AccessDenied):
                known = (field for field in self._api.ticket_fields() if isinstance(field, dict))
                self._labels = {str(f.get("name")): clean_line(str(f.get("label") or "")) for f in known}
        return self._labels.get(name) or name


def _shown(value: Any) -> str:
    """A value as it is shown; empty for null, an empty list and a box that is not ticked."""
    if value is None or value is False:
        return ""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_shown, value)))
    return clean_line("true" if value is True else str(value))
