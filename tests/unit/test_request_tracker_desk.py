"""What Request Tracker may answer that the real one seldom does: gaps, refusals, lists without an end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_connectors.request_tracker import desk as desk_module
from smartticket_connectors.request_tracker.desk import PAGE, Desk
from smartticket_connectors.request_tracker.settings import RequestTrackerSettings
from smartticket_connectors.request_tracker.writer import ROUNDS, Writer
from smartticket_daemon.domain import Key, Receipt, Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    Overtaken,
    TransientError,
    Unreachable,
)

BASE = "http://127.0.0.1:9"
KEY = Key("0" * 31 + "1")
ROW: dict[str, Any] = {
    "id": 1,
    "Status": "new",
    "Created": "2026-11-23T12:00:00Z",
    "Queue": {"id": "3", "Name": "Support"},
    "CustomFields": [{"id": "2", "name": "Tags", "values": ["vip"]}],
}
CREATED = {"id": 5, "Type": "Create", "Creator": {"id": "ann"}}


class SmallRt:
    """Answers by path, with an object or a status; remembers what it was asked, and the writes in full."""

    def __init__(self, net: responses.RequestsMock) -> None:
        self.answers: dict[str, Any] = {"/ticket/1": ROW, "/ticket/1/history": {"items": [CREATED]}}
        self.headers = {"ETag": '"7"', "Content-Type": "application/json"}
        self.asked: list[str] = []
        self.writes: list[tuple[str, str | None, Any]] = []
        for method in ("GET", "PUT", "POST"):
            net.add_callback(method, re.compile(BASE), self.answer)

    def answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        url = urlsplit(request.url)
        path = url.path.removeprefix("/REST/2.0")
        page = int(parse_qs(url.query).get("page", ["1"])[0])
        self.asked.append(path)
        if request.method != "GET":
            self.writes.append((path, request.headers.get("If-Match"), json.loads(request.body)))
        found = self.answers.get(f"{request.method} {path}", self.answers.get(path, 200))
        found = found(page) if callable(found) else found
        return (
            (found, self.headers, "[]") if isinstance(found, int) else (200, self.headers, json.dumps(found))
        )


@pytest.fixture
def rt(net: responses.RequestsMock) -> SmallRt:
    return SmallRt(net)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "token").write_text("1-14-0123456789abcdef\n")
    settings = RequestTrackerSettings(
        url=BASE, username="smartticket", token_file=tmp_path / "token", queues=("Support",), tag_field="Tags"
    )
    desk = Desk(settings)
    yield desk
    desk.close()


def full(kind: str) -> Any:
    """A list of which every page is full."""
    rows = [{"id": n, "Name": f"q{n}", "Type": kind, "Creator": {"id": "ann"}} for n in range(PAGE)]
    return lambda page: {"items": [{**row, "id": page * PAGE + row["id"]} for row in rows]}


def test_tags_are_united_on_the_ticket_as_it_was_read(rt: SmallRt, desk: Desk) -> None:
    rt.answers["PUT /ticket/1"] = 412
    with pytest.raises(TransientError, match="again and again"):
        Writer(desk).apply(1, Triage(("category__billing",), "Billing"), KEY)
    change = {"CustomFields": {"2": ["vip", "category__billing"]}, "Queue": "Billing"}
    assert rt.writes == [("/ticket/1", '"7"', change)] * ROUNDS


def test_a_queue_without_our_field_stops_the_source(rt: SmallRt, desk: Desk) -> None:
    rt.answers["/ticket/1"] = {**ROW, "CustomFields": []}
    with pytest.raises(ConfigurationError, match="queue Support has no custom field Tags"):
        Writer(desk).apply(1, Triage(("category__billing",)), KEY)
    assert rt.writes == []


@pytest.mark.parametrize(
    ("triage", "grant"),
    [(Triage(("category__billing",)), "ModifyCustomField"), (Triage(route="Billing"), "CreateTicket there")],
)
def test_what_rt_says_and_does_not_do_is_a_right_that_is_missing(
    rt: SmallRt, desk: Desk, triage: Triage, grant: str
) -> None:
    with pytest.raises(AccessDenied, match=grant):
        Writer(desk).apply(1, triage, KEY)
    assert len(rt.writes) == 1


def test_undo_of_a_deleted_ticket_is_overtaken(rt: SmallRt, desk: Desk) -> None:
    rt.answers["/ticket/1"] = {**ROW, "Status": "deleted"}
    with pytest.raises(Overtaken, match="deleted"):
        Writer(desk).undo(1, Receipt(("vip",)))
    assert rt.writes == []


def test_a_ticket_that_is_gone_is_deleted(rt: SmallRt, desk: Desk) -> None:
    rt.answers["/ticket/1"] = 404
    with pytest.raises(Overtaken, match="deleted"):
        desk.ticket(1)


def test_one_ticket_out_of_our_sight_is_a_persons_decision(rt: SmallRt, desk: Desk) -> None:
    rt.answers |= {"/ticket/1": 403, "/tickets": {"items": [{**ROW, "id": 2}]}, "/ticket/2": {**ROW, "id": 2}}
    with pytest.raises(Overtaken, match="human_decided"):
        desk.ticket(1)


def test_all_queues_out_of_our_sight_are_a_right_that_is_missing(rt: SmallRt, desk: Desk) -> None:
    rt.answers |= {"/ticket/1": 403, "/tickets": {"items": []}}
    with pytest.raises(AccessDenied, match="no ticket of our queues can be seen"):
        desk.ticket(1)


def test_a_search_that_rt_does_not_understand_names_the_setting(rt: SmallRt, desk: Desk) -> None:
    rt.answers["/tickets"] = 400
    with pytest.raises(ConfigurationError, match="look at queues"):
        desk.last()


def test_rows_that_are_not_in_order_are_not_what_rt_sends(rt: SmallRt, desk: Desk) -> None:
    rt.answers["/tickets"] = {"items": [{**ROW, "id": 9}, {**ROW, "id": 8}]}
    with pytest.raises(Unreachable, match="not what RT sends"):
        desk.after(0)


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Nov 2026 12:00:00 GMT"])
def test_an_answer_without_a_moment_is_of_now(rt: SmallRt, desk: Desk, date: str) -> None:
    rt.answers["/tickets"] = {"items": []}
    rt.headers["Date"] = date
    found, moment = desk.after(0)
    assert found == []
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_people_whom_rt_does_not_show_are_the_desks_own(
    rt: SmallRt, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "_KNOWN", 2)
    rt.answers |= {"/user/ann": {"Name": "ann", "Privileged": 0}, "/user/eve": 404}
    names = ("ann", "eve", "../../ticket/1", "ann", "ann")
    assert [desk.person(name).privileged for name in names] == [False, True, True, False, False]
    assert rt.asked == ["/user/ann", "/user/eve", "/user/ann"]


def test_lists_are_turned_to_the_page_that_is_not_full(rt: SmallRt, desk: Desk) -> None:
    pages = full("")
    rt.answers["/queues/all"] = lambda page: (
        pages(page) if page < 3 else {"items": [{"id": 9, "Name": "Last"}]}
    )
    assert len(desk.queues()) == PAGE + 1
    assert rt.asked == ["/queues/all"] * 3


def test_lists_without_an_end_are_given_up(rt: SmallRt, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "_PAGES", 3)
    rt.answers |= {"/transaction/5/attachments": full(""), "/ticket/1/history": full("Comment")}
    assert len(desk.attachments(5)) == 10 * PAGE
    assert len(desk.ticket(1).history) == 3 * PAGE


def test_a_history_whose_beginning_is_hidden_ends_with_the_empty_page(rt: SmallRt, desk: Desk) -> None:
    steps = [{"id": 9 - page, "Type": "Comment", "Creator": {"id": "bob"}} for page in range(3)]
    rt.answers["/ticket/1/history"] = lambda page: {"items": steps[page - 1 : page]}
    assert [step.id for step in desk.ticket(1).history] == [7, 8, 9]


def test_where_there_is_no_rt_the_operator_is_told(rt: SmallRt, desk: Desk) -> None:
    rt.answers |= {"/tickets": 404, "/rt": 404}
    connector = RequestTrackerConnector("support", desk.settings)
    for listing in (connector.fetch(None), connector.past(None, None)):
        with pytest.raises(ConfigurationError, match="there is no RT with REST 2 at http://127"):
            list(listing)
    first = connector.check().findings[0]
    assert (first.ok, first.exit_code) == (False, 78)
    connector.close()


@pytest.mark.parametrize("moves", [0, 1, 100, 101, 730, 1600])
def test_moves_are_counted_in_few_requests(rt: SmallRt, desk: Desk, moves: int) -> None:
    def page(number: int) -> Any:
        left = min(max(moves - (number - 1) * PAGE, 0), PAGE)
        return {"items": [{**CREATED, "Type": "Set"}] * left}

    rt.answers |= {"/tickets": {"items": [], "total": 7}, "/queues/all": {"items": []}, "/transactions": page}
    connector = RequestTrackerConnector("support", desk.settings)
    assert connector.extent(None).tickets == 7 + moves
    assert rt.asked.count("/transactions") <= 10
    connector.close()
