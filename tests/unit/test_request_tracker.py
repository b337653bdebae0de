"""The pure parts of the Request Tracker connector, and that no code path can write to a customer."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from smartticket_connectors.request_tracker import desk as desk_module
from smartticket_connectors.request_tracker.position import OVERLAP, Mark
from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_connectors.request_tracker.ticket import Owners, Ticket, status_of
from smartticket_connectors.request_tracker.wire import Step, TicketRow
from smartticket_daemon.domain import Cursor, Key, Status
from smartticket_daemon.errors import ConfigurationError, CursorExpired, RejectedError

US, KEY = "smartticket", Key("0" * 31 + "1")
BASE = "http://127.0.0.1:9"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> RequestTrackerSettings:
    token = tmp_path / "token"
    token.write_text("1-14-0123456789abcdef\n")
    return RequestTrackerSettings(url=BASE, username=US, token_file=token, queues=("Support",))


def ticket(*steps: tuple[str, str, str], tags: tuple[str, ...] = ()) -> Ticket:
    """A ticket with changes of tags: (who, old, new)."""
    history = tuple(
        Step.model_validate(
            {
                "id": n,
                "Type": "CustomField",
                "Field": "2",
                "Creator": {"id": who},
                "OldValue": old,
                "NewValue": new,
            }
        )
        for n, (who, old, new) in enumerate(steps)
    )
    return Ticket(1, '"9"', Status.OPEN, "s", NOW, "Support", "2", tags, ("ann",), history, US)


# Who set which tag


@pytest.mark.parametrize(
    ("steps", "ours", "refused", "lost", "revived"),
    [
        ([(US, "", "a")], "a", "", "", ""),
        ([("bob", "", "a")], "", "", "", ""),
        ([(US, "", "a"), ("bob", "a", "")], "", "a", "", ""),
        ([(US, "", "a"), ("bob", "a", ""), ("bob", "", "a")], "", "a", "", ""),
        ([("bob", "", "v"), (US, "v", "")], "", "", "v", ""),
        ([("bob", "", "v"), (US, "v", ""), (US, "", "v")], "", "", "", ""),
        ([(US, "v", "")], "", "", "v", ""),
        ([("bob", "", "v"), ("bob", "v", ""), (US, "", "v")], "v", "", "", "v"),
        ([("bob", "", "v"), ("bob", "v", ""), (US, "", "v"), (US, "v", "")], "", "", "", ""),
        ([(US, "", "a"), (US, "a", "")], "", "", "", ""),
        ([("bob", "v", ""), ("bob", "", "v"), (US, "v", ""), (US, "", "v")], "", "", "", ""),
        ([("bob", "x", "y"), (US, "", "a")], "a", "", "", ""),
    ],
)
def test_owners(steps: list[tuple[str, str, str]], ours: str, refused: str, lost: str, revived: str) -> None:
    found = Owners.of(ticket(*steps))
    assert (set(found.ours), set(found.refused)) == (set(ours), set(refused))
    assert (set(found.lost), set(found.revived)) == (set(lost), set(revived))


def test_changes_of_other_fields_do_not_count() -> None:
    other = Step.model_validate(
        {"id": 1, "Type": "CustomField", "Field": "3", "Creator": {"id": US}, "NewValue": "a"}
    )
    assert Owners.of(ticket().__class__(**{**vars(ticket()), "history": (other,)})).ours == frozenset()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("new", Status.OPEN),
        ("Stalled", Status.OPEN),
        ("resolved", Status.SOLVED),
        ("rejected", Status.CLOSED),
        ("deleted", Status.DELETED),
        ("waiting for godot", Status.CLOSED),
    ],
)
def test_statuses(name: str, status: Status) -> None:
    assert status_of(name, ("new", "open", "stalled")) is status


# Positions


def row(number: int, age: timedelta) -> TicketRow:
    return TicketRow.model_validate(
        {"id": number, "Created": NOW - age, "Queue": {"id": "1", "Name": "Support"}}
    )


def test_young_tickets_are_listed_again_and_remembered() -> None:
    mark = Mark().past([row(5, timedelta(days=1)), row(6, OVERLAP), row(9, timedelta(seconds=1))], NOW)
    assert (mark.settled, mark.seen) == (6, frozenset({9}))
    later = mark.past([row(8, timedelta(seconds=2)), row(9, timedelta(seconds=1))], NOW)
    assert (later.settled, later.seen) == (6, frozenset({8, 9}))
    settled = later.past([row(9, timedelta(0))], NOW + OVERLAP)
    assert (settled.settled, settled.seen) == (9, frozenset())


@given(st.integers(0, 2**40), st.frozensets(st.integers(0, 2**40), max_size=20))
def test_a_cursor_says_what_it_was_made_of(settled: int, seen: frozenset[int]) -> None:
    assert Mark.parse(Mark(settled, seen).cursor()) == Mark(settled, seen)


@pytest.mark.parametrize("cursor", ['{"settled": "x", "seen": []}', '{"settled": 1}', "[]", "null"])
def test_a_cursor_of_another_kind_has_expired(cursor: str) -> None:
    with pytest.raises(CursorExpired):
        Mark.parse(Cursor(cursor))


# Settings


@pytest.mark.parametrize(
    "changes",
    [{"queues": []}, {"queues": ["a\nb"]}, {"on_reply": "triage"}, {"token": "secret"}, {"username": ""}],
)
def test_settings_that_make_no_sense_are_refused(
    settings: RequestTrackerSettings, changes: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RequestTrackerSettings.model_validate({**settings.model_dump(), **changes})


def test_a_token_that_is_none_is_not_sent(settings: RequestTrackerSettings) -> None:
    settings.token_file.write_text("1-14-abc\tdef gh\n")
    with pytest.raises(ConfigurationError, match="token_file") as caught:
        desk_module.Desk(settings).version()
    assert "abc" not in str(caught.value)


def test_a_new_token_is_taken_up_without_a_restart(settings: RequestTrackerSettings) -> None:
    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if request.headers["Authorization"] == "token second":
            return 200, {}, '{"Version": "5.0.3"}'
        settings.token_file.write_text("second\n")
        return 401, {}, ""

    with responses.RequestsMock() as service:
        service.add_callback("GET", f"{BASE}/REST/2.0/rt", answer)
        assert desk_module.Desk(settings).version() == "5.0.3"


# What can be written


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/ticket/1/correspond", {"Content": "x"}),
        ("POST", "/ticket/1/comment/../correspond", {"Content": "x"}),
        ("POST", "/ticket/1/comment?x=1", {"Content": "x"}),
        ("POST", "/ticket/1/comment\n", {"Content": "x"}),
        ("POST", "/ticket/٣/comment", {"Content": "x"}),
        ("POST", "/ticket/1/comment", {"Content": "x", "Status": "resolved"}),
        ("POST", "/ticket/1/comment", {"Attachments": []}),
        ("POST", "/ticket", {"Content": "x"}),
        ("PUT", "/ticket/1", {"Status": "resolved"}),
        ("PUT", "/ticket/1", {"Requestor": "eve@evil.example"}),
        ("PUT", "/ticket/1/take", {}),
        ("PUT", "/user/1", {}),
    ],
)
def test_the_door_is_closed(
    settings: RequestTrackerSettings, method: str, path: str, body: dict[str, Any]
) -> None:
    with responses.RequestsMock() as service:
        with pytest.raises(RejectedError):
            desk_module.Desk(settings)._write(method, path, body, {})
        assert len(service.calls) == 0


def written(module: types.ModuleType, settings: RequestTrackerSettings) -> list[tuple[str, set[str]]]:
    """Path and keys of every write that the desk of this module can be made to do."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as service:
        for method in ("PUT", "POST"):
            service.add(method, re.compile(BASE), json=["ok"], status=201)
        desk = module.Desk(settings)
        desk.change(ticket(), ("a",), "Billing")
        desk.comment(ticket(), "correspond", KEY)
        return [
            (str(call.request.url), set(json.loads(call.request.body or b"{}"))) for call in service.calls
        ]


def assert_private(writes: list[tuple[str, set[str]]]) -> None:
    assert [url for url, _ in writes] == [f"{BASE}/REST/2.0/ticket/1", f"{BASE}/REST/2.0/ticket/1/comment"]
    assert [keys for _, keys in writes] == [{"CustomFields", "Queue"}, {"Content", "ContentType", "Subject"}]


def test_all_writes_are_private(settings: RequestTrackerSettings) -> None:
    assert_private(written(desk_module, settings))


def mutants() -> Iterator[tuple[str, str]]:
    """The source with `comment` in a path turned into the public word: at each place alone, and at all."""
    spec = find_spec(desk_module.__name__)
    assert spec is not None
    source = Path(str(spec.origin)).read_text("utf-8")
    pieces = source.split("/comment")
    assert len(pieces) > 2
    for place in range(1, len(pieces)):
        words = ["/correspond" if n == place else "/comment" for n in range(1, len(pieces))]
        yield f"place {place}", pieces[0] + "".join(w + p for w, p in zip(words, pieces[1:], strict=True))
    yield "all places", "/correspond".join(pieces)


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in mutants()])
def test_a_mutant_that_writes_to_customers_is_caught(
    settings: RequestTrackerSettings, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("mutant")
    monkeypatch.setitem(sys.modules, "mutant", module)
    exec(compile(source, "mutant", "exec"), vars(module))
    with pytest.raises((RejectedError, AssertionError)):
        assert_private(written(module, settings))
