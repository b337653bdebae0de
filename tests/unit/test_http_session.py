"""The session itself: retries of reads, no retries of writes, redirects, credentials, waits."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from smartticket_daemon.errors import AccessDenied, ConfigurationError, RateLimited, Unreachable
from smartticket_daemon.http import Conflict, HelpdeskSettings, NotFound, Refused, Session, Throttled
from smartticket_daemon.http import session as module
from tests.doubles.hour import Hour

CANARY = "Bearer canary-7f3a"
HOST = "acme.example.com"
_accounts = itertools.count()


class Keys:
    """Credentials that can be renewed so many times."""

    def __init__(self, spare: int = 0) -> None:
        self.spare = spare
        self.renewed = 0

    def headers(self, session: Session) -> Mapping[str, str]:
        return {"Authorization": f"{CANARY}{self.renewed}"}

    def renew(self, session: Session) -> bool:
        self.renewed += 1
        return self.renewed <= self.spare


@pytest.fixture
def hour() -> Hour:
    return Hour()


@pytest.fixture
def net() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def make(hour: Hour, keys: Keys | None = None, url: str = f"https://{HOST}", **more: Any) -> Session:
    settings = HelpdeskSettings.model_validate({"kind": "x", "url": url, **more})
    return Session(settings, keys or Keys(), account=str(next(_accounts)), clock=hour.clock())


def asked(net: responses.RequestsMock) -> list[str]:
    return [call.request.url or "" for call in net.calls]


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


def test_after_401_credentials_are_renewed_once(hour: Hour, net: responses.RequestsMock) -> None:
    net.put(f"https://{HOST}/x", status=401)
    net.put(f"https://{HOST}/x", json={})
    make(hour, Keys(spare=1)).write("PUT", "/x", {})
    assert [call.request.headers["Authorization"] for call in net.calls] == [f"{CANARY}0", f"{CANARY}1"]


@pytest.mark.parametrize("spare", [0, 5])
def test_credentials_that_stay_refused_stop_the_source(
    hour: Hour, net: responses.RequestsMock, spare: int
) -> None:
    net.get(f"https://{HOST}/x", status=401, body=CANARY)
    with pytest.raises(AccessDenied) as caught:
        make(hour, Keys(spare)).get("/x")
    assert len(net.calls) == 1 + (spare > 0)
    assert "canary" not in str(caught.value)


def test_an_unsigned_write_carries_no_credentials(hour: Hour, net: responses.RequestsMock) -> None:
    net.post(f"https://{HOST}/token", status=401)
    keys = Keys(spare=1)
    with pytest.raises(AccessDenied):
        make(hour, keys).write("POST", "/token", {}, signed=False)
    assert "Authorization" not in net.calls[0].request.headers
    assert keys.renewed == 0


def test_a_redirect_on_the_host_is_followed_by_reads(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", status=302, headers={"Location": "/y?a=1"})
    net.get(f"https://{HOST}/y", json={"a": 1})
    assert make(hour).get("/x").json() == {"a": 1}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/x",
        f"http://{HOST}/x",
        f"https://{HOST}:8443/x",
        "https://u:p@" + HOST,
    ],
)
def test_no_redirect_leaves_the_host(
    hour: Hour, net: responses.RequestsMock, status: int, target: str
) -> None:
    net.get(f"https://{HOST}/x", status=status, headers={"Location": target})
    with pytest.raises(ConfigurationError) as caught:
        make(hour).get("/x")
    assert asked(net) == [f"https://{HOST}/x"]
    assert "evil" not in str(caught.value)


def test_a_circle_of_redirects_ends(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", status=302, headers={"Location": "/x"})
    with pytest.raises(ConfigurationError, match="circles"):
        make(hour).get("/x")


def test_a_write_is_never_redirected(hour: Hour, net: responses.RequestsMock) -> None:
    net.put(f"https://{HOST}/x", status=307, headers={"Location": f"https://{HOST}/y"})
    with pytest.raises(ConfigurationError):
        make(hour).write("PUT", "/x", {})
    assert len(net.calls) == 1


def test_a_next_link_is_followed_on_the_host_alone(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", json={})
    net.get(f"https://{HOST}/x?page=2", json={"page": 2})
    session = make(hour)
    first = session.get("/x")
    assert session.follow("?page=2", first).json() == {"page": 2}
    with pytest.raises(ConfigurationError):
        session.follow("https://evil.example/x?page=2", first)
    assert all(url.startswith(f"https://{HOST}/") for url in asked(net))


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


def test_a_body_that_is_too_large_is_cut_off(
    hour: Hour, net: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    net.get(f"https://{HOST}/x", body=b"x" * ((1 << 20) + 1))
    with pytest.raises(Unreachable, match="lower batch"):
        make(hour).get("/x")
    assert len(net.calls) == 1


def test_no_cookie_is_kept(hour: Hour, net: responses.RequestsMock) -> None:
    net.get(f"https://{HOST}/x", json={}, headers={"Set-Cookie": "id=1; Path=/"})
    session = make(hour)
    session.get("/x")
    session.get("/x")
    assert "Cookie" not in net.calls[1].request.headers


def test_neither_netrc_nor_a_proxy_of_the_environment_is_used(
    hour: Hour, net: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://evil.example:3128")
    net.post(f"https://{HOST}/x", json={})
    make(hour).write("POST", "/x", {}, signed=False)
    assert "Authorization" not in net.calls[0].request.headers
    assert net.calls[0].request.req_kwargs["proxies"] == {}  # type: ignore[attr-defined]


def test_a_missing_ca_file_is_the_operators_to_mend(hour: Hour, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ca_file"):
        make(hour, ca_file=str(tmp_path / "none.pem")).get("/x")


def test_a_secret_that_is_no_header_is_the_operators_to_mend(hour: Hour) -> None:
    class Broken(Keys):
        def headers(self, session: Session) -> Mapping[str, str]:
            return {"Authorization": "Bearer canary\nX: y"}

    with pytest.raises(ConfigurationError) as caught:
        make(hour, Broken()).get("/x")
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


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
