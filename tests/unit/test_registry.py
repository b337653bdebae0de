from importlib.metadata import EntryPoint, EntryPoints

import pytest

from smartticket_daemon import registry
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.registry import GROUP, connector_class, connector_kinds
from smartticket_daemon.source_settings import SourceSettings

VERBS = ("check", "fetch", "read", "apply", "applied", "close")


def test_the_built_in_connectors_are_found_and_fit_the_port() -> None:
    assert {"folder", "imap"} <= set(connector_kinds())
    for kind in ("folder", "imap"):
        found = connector_class(kind)
        assert found.kind == kind
        assert issubclass(found.Settings, SourceSettings)
        assert all(
            callable(getattr(found, verb)) for verb in ["check", "fetch", "read", "apply", "applied", "close"]
        )


def test_an_unknown_kind_is_refused_with_the_list_of_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'pigeon'; installed: .*folder, .*imap"):
        connector_class("pigeon")


@pytest.mark.parametrize("target", ["no_such_package:Connector", "smartticket_daemon.domain:NoSuchClass"])
def test_a_plug_in_that_cannot_be_imported_is_a_matter_of_set_up(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    broken = EntryPoints([EntryPoint("broken", target, GROUP)])
    monkeypatch.setattr(registry, "entry_points", lambda group: broken)
    with pytest.raises(ConfigurationError, match="'broken' cannot be imported"):
        connector_class("broken")
