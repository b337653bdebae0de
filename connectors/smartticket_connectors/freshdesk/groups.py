"""Groups of agents by name and number, read once and again when an unknown one turns up."""

from __future__ import annotations

from contextlib import suppress

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_daemon.errors import AccessDenied, ConfigurationError

LASTING = 3600.0
"""Seconds after which the groups are read again."""
_SOON = 60.0
"""Seconds between two readings that an unknown group causes."""


class Groups:
    """Cached; an unknown name or number is looked for once more before it counts as unknown."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._names: dict[int, str] = {}
        self._read_at: float | None = None

    def name(self, number: int | None) -> str | None:
        """What the group is called; a number that nobody can name stands for itself."""
        if number is None:
            return None
        with suppress(AccessDenied):
            self._refresh(missing=number not in self._names)
        return self._names.get(number, str(number))

    def number(self, name: str) -> int | None:
        """The group of exactly this name; None: there is none.

        Where the groups are not for us to list, a number stands for itself, else AccessDenied is raised.
        """
        try:
            for missing in (False, True):
                self._refresh(missing=missing)
                if found := next((n for n, title in self._names.items() if title == name), None):
                    return found
        except AccessDenied:
            if name.isascii() and name.isdigit():
                return int(name)
            raise
        return None

    def needed(self, name: str) -> int:
        """The same; raises ConfigurationError when there is no such group."""
        if (found := self.number(name)) is None:
            raise ConfigurationError(f"there is no group {name}; create it, or correct the category's route")
        return found

    def _refresh(self, *, missing: bool) -> None:
        now = self._api.session.clock.monotonic()
        age = None if self._read_at is None else now - self._read_at
        if age is not None and age < (_SOON if missing else LASTING):
            return
        groups = (group for group in self._api.groups() if isinstance(group, dict))
        self._names = {
            number: str(group.get("name")).strip()
            for group in groups
            if (number := fields.number(group.get("id"))) is not None
        }
        self._read_at = now
