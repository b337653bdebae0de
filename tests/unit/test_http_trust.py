"""The session's credentials and redirects: nothing leaves the host, nothing else is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import responses

from smartticket_daemon.errors import AccessDenied, ConfigurationError
from smartticket_daemon.http import Session
from tests.doubles.hour import Hour
from tests.unit.http_session import CANARY, HOST, Keys, asked, make


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
