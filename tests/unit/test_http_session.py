"""The session's reads and writes: reads are tried again, writes never."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import responses

from smartticket_daemon.errors import AccessDenied, RateLimited, Unreachable
from smartticket_daemon.http import Conflict, NotFound, Refused
from smartticket_daemon.http import session as module
from tests.doubles.hour import Hour
from tests.unit.http_session import CANARY, HOST, asked, make


def test_a_read_carries_our_headers_and_encodes_its_parameters(
    hour: Hour, net: responses.RequestsMock
) -> None:
    net.get(f"https://{HOST}/api/x", json={"a": 1})
    found = make(hour).get("/api/x", {"q": "a b&c=ü", "page[size]": 3})
    assert found.json() == {"a": 1}
    request = net.calls[0].request
    assert request.url == f"https://{HOST}/api/x?q=a+b%26c%3D%C3%BC&page%5Bsize%5D=3"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"].startswith("SmartTicket/")
    assert request.headers["Authorization"] == f"{CANARY}0"


def test_a_write_is_json_with_its_own_headers(hour: Hour, net: responses.RequestsMock) -> None:
    net.put(f"https://{HOST}/api/x", json={})
    make(hour).write("PUT", "/api/x", {"ä": False}, headers={"If-Match": "3"})
    request = net.calls[0].request
    assert json.loads(request.body or b"") == {"ä": False}
    assert (request.headers["Content-Type"], request.headers["If-Match"]) == ("application/json", "3")


@pytest.mark.parametrize(
    "trouble", [500, 502, 503, 520, 408, requests.ConnectionError(), requests.ReadTimeout()]
)
def test_a_read_is_tried_again(hour: Hour, net: responses.RequestsMock, trouble: Any) -> None:
    for _ in range(2):
        if isinstance(trouble, int):
            net.get(f"https://{HOST}/x", status=trouble, body="<html>")
        else:
            net.get(f"https://{HOST}/x", body=trouble)
    net.get(f"https://{HOST}/x", json={"a": 1})
    begun = hour.at
    assert make(hour).get("/x").json() == {"a": 1}
    assert 0.5 <= (hour.at - begun).total_seconds() <= 1.5


def test_reads_are_tried_so_often_and_no_more(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", status=500)
    with pytest.raises(Unreachable):
        make(hour).get("/x")
    assert len(net.calls) == module.ATTEMPTS


def test_reads_are_not_tried_again_after_the_time_out(hour: Hour, net: responses.RequestsMock) -> None:
    def slow(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        hour.forward(7)
        return 500, {}, ""

    net.add_callback(responses.GET, f"https://{HOST}/x", slow)
    with pytest.raises(Unreachable):
        make(hour, timeout="7s").get("/x")
    assert len(net.calls) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_a_refusal_is_not_tried_again(hour: Hour, net: responses.RequestsMock, status: int) -> None:
    net.get(f"https://{HOST}/x", status=status)
    with pytest.raises((Conflict, NotFound, Refused, AccessDenied, RateLimited)):
        make(hour).get("/x")
    assert len(net.calls) == 1


@pytest.mark.parametrize("trouble", [500, 503, 409, 429, requests.ConnectionError(), requests.ReadTimeout()])
def test_a_write_is_sent_once(hour: Hour, net: responses.RequestsMock, trouble: Any) -> None:
    if isinstance(trouble, int):
        net.put(f"https://{HOST}/x", status=trouble)
    else:
        net.put(f"https://{HOST}/x", body=trouble)
    with pytest.raises((Unreachable, Conflict, RateLimited)):
        make(hour).write("PUT", "/x", {})
    assert len(net.calls) == 1


def test_a_body_that_is_too_large_is_cut_off(
    hour: Hour, net: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    net.get(f"https://{HOST}/x", body=b"x" * ((1 << 20) + 1))
    with pytest.raises(Unreachable, match="lower batch"):
        make(hour).get("/x")
    assert len(net.calls) == 1


def test_a_path_prefix_is_kept(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/rt/REST/2.0/x", json={})
    make(hour, url=f"https://{HOST}/rt/").get("/REST/2.0/x")
    assert asked(net) == [f"https://{HOST}/rt/REST/2.0/x"]


def test_a_closed_session_can_be_used_again(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", json={})
    session = make(hour)
    session.close()
    session.get("/x")
    session.close()
    session.close()
    session.get("/x")
