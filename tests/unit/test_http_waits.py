"""The session's waits: what a server asks for is kept, by those alone whom it concerns."""

from __future__ import annotations

import pytest
import responses

from smartticket_daemon.errors import RateLimited, Unreachable
from smartticket_daemon.http import HelpdeskSettings, Session, Throttled
from tests.doubles.hour import Hour
from tests.unit.http_session import HOST, Keys, make


def test_the_wait_that_was_asked_for_is_kept_by_all_on_the_account(
    hour: Hour, net: responses.RequestsMock
) -> None:
    net.get(f"https://{HOST}/x", status=429, headers={"Retry-After": "30"})
    net.get(f"https://{HOST}/y", json={})
    settings = HelpdeskSettings(kind="x", url=f"https://{HOST}")
    one = Session(settings, Keys(), account="shared", clock=hour.clock())
    other = Session(settings, Keys(), account="shared", clock=hour.clock())
    with pytest.raises(Throttled) as caught:
        one.get("/x")
    assert caught.value.retry_after == 30
    for session in (one, other):
        with pytest.raises(RateLimited):
            session.get("/y")
    assert len(net.calls) == 1
    hour.forward(30)
    other.get("/y")


def test_without_a_stated_wait_there_is_one_all_the_same(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", status=429)
    session = make(hour)
    with pytest.raises(Throttled) as caught:
        session.get("/x")
    assert caught.value.retry_after == 60
    with pytest.raises(RateLimited):
        session.get("/x")


def test_a_limit_of_the_endpoint_leaves_the_others_alone(hour: Hour, net: responses.RequestsMock) -> None:
    room = {"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "500", "Retry-After": "30"}
    net.put(f"https://{HOST}/x", status=429, headers=room)
    net.get(f"https://{HOST}/y", json={})
    session = make(hour)
    with pytest.raises(Throttled):
        session.write("PUT", "/x", {}, endpoint="update")
    session.get("/y")
    with pytest.raises(RateLimited):
        session.write("PUT", "/x", {}, endpoint="update")


def test_a_limit_of_one_ticket_holds_up_nobody_else(hour: Hour, net: responses.RequestsMock) -> None:
    spent = {
        "zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=468",
        "Retry-After": "468",
    }
    net.put(f"https://{HOST}/x", status=429, headers=spent)
    net.put(f"https://{HOST}/y", json={})
    session = make(hour)
    with pytest.raises(Throttled) as caught:
        session.write("PUT", "/x", {}, endpoint="tickets-update")
    assert (caught.value.narrow, caught.value.retry_after) == (True, 468)
    session.write("PUT", "/y", {}, endpoint="tickets-update")


def test_a_service_that_is_down_for_a_stated_time_is_left_alone(
    hour: Hour, net: responses.RequestsMock
) -> None:
    net.get(f"https://{HOST}/x", status=503, headers={"Retry-After": "120"})
    session = make(hour)
    with pytest.raises(Unreachable) as caught:
        session.get("/x")
    assert caught.value.retry_after == 120
    with pytest.raises(RateLimited):
        session.get("/x")
    assert len(net.calls) == 1


def test_every_attempt_counts(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", status=500, headers={"X-Rate-Limit": "4"})
    session = make(hour, budget=0.5)
    with pytest.raises(RateLimited):
        session.get("/x")
    assert len(net.calls) == 2
