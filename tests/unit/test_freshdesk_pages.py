"""Lists of Freshdesk's are turned page by page, and never further than the service lets us."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import responses

from smartticket_connectors.freshdesk import api
from smartticket_connectors.freshdesk.settings import FreshdeskSettings


@pytest.mark.parametrize(("last", "turned"), [(300, 4), (4, 4), (3, 3)])
def test_no_page_is_asked_for_beyond_the_last(
    net: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int, turned: int
) -> None:
    monkeypatch.setattr(api, "LAST_PAGE", last)
    (tmp_path / "key").write_text("secret")
    asked: list[str] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        asked.append(request.params["page"])
        return (
            200,
            {"Content-Type": "application/json"},
            "[" + ",".join(["1"] * (100 if len(asked) < 4 else 7)) + "]",
        )

    net.add_callback("GET", re.compile("http://127.0.0.1:9/api/v2/groups"), answer)
    settings = FreshdeskSettings.model_validate(
        {"kind": "freshdesk", "url": "http://127.0.0.1:9", "api_key_file": tmp_path / "key"}
    )
    assert len(list(api.Api(settings).groups())) == (307 if turned == 4 else 300)
    assert asked == [str(page) for page in range(1, turned + 1)]
