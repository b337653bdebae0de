"""Finds connectors by entry point, the built-in ones and those of packages installed beside."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.ports import Connector

GROUP = "smartticket.connectors"


def connector_kinds() -> dict[str, EntryPoint]:
    """Every installed kind of connector by its name, none of them imported yet."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def connector_class(kind: str) -> type[Connector]:
    """The class that speaks to `kind`.

    Raises ConfigurationError, listing what is installed, when there is none or it cannot be imported.
    """
    kinds = connector_kinds()
    if kind not in kinds:
        raise ConfigurationError(f"no connector is called {kind!r}; installed: {', '.join(sorted(kinds))}")
    try:
        found: type[Connector] = kinds[kind].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"connector {kind!r} cannot be imported: {error}") from error
    return found
