"""Lists of Freshdesk's are turned page by page, and never further than the service lets us."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import responses

from smartticket_connectors.freshdesk import FreshdeskConnector, api
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_daemon.errors import ConfigurationError


def settings_in(folder: Path) -> FreshdeskSettings:
    (folder / "key").write_text("secret")
    return FreshdeskSettings.model_validate(
        {"kind": "freshdesk", "url": "http://127.0.0.1:9", "api_key_file": folder / "key", "start": "all"}
    )


@pytest.mark.parametrize(("last", "turned"), [(300, 4), (4, 4), (3, 3)])
def test_no_page_is_asked_for_beyond_the_last(
    net: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int, turned: int
) -> None:
    monkeypatch.setattr(api, "LAST_PAGE", last)
    asked: list[str] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        asked.append(request.params["page"])
        return (
            200,
            {"Content-Type": "application/json"},
            "[" + ",".join(["1"] * (100 if len(asked) < 4 else 7)) + "]",
        )

    net.add_callback("GET", re.compile("http://127.0.0.1:9/api/v2/groups"), answer)
    assert len(list(api.Api(settings_in(tmp_path)).groups())) == (307 if turned == 4 else 300)
    assert asked == [str(page) for page in range(1, turned + 1)]


def test_where_there_is_no_freshdesk_the_operator_is_told(
    net: responses.RequestsMock, tmp_path: Path
) -> None:
    net.add("GET", re.compile("http://127.0.0.1:9/api/v2/"), status=404)
    connector = FreshdeskConnector("support", settings_in(tmp_path))
    for listing in (connector.fetch(None), connector.past(None, None)):
        with pytest.raises(ConfigurationError, match="there is no Freshdesk at http://127"):
            list(listing)
    first = connector.check().findings[0]
    assert (first.ok, first.exit_code) == (False, 78)
