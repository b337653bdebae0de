"""The imap connector on a server that falls silent, refuses or chatters: no hang, no spinning."""

from __future__ import annotations

import threading
import time

import pytest

from smartticket_daemon.errors import AccessDenied, RateLimited, Unreachable
from tests.servers.lying import CAPABILITIES, LyingServer
from tests.servers.lying_client import TIMEOUT, Connect, fill, subjects

pytest_plugins = ["tests.servers.lying_fixture"]


@pytest.mark.parametrize("lie", ["hang_select", "hang 2", "drip"])
def test_a_server_that_stops_answering_costs_no_more_than_the_timeout(
    server: LyingServer, connect: Connect, lie: str
) -> None:
    fill(server, 3)
    connector = connect()
    server.lies.add(lie)
    began, busy = time.monotonic(), time.thread_time()
    with pytest.raises(Unreachable):
        subjects(connector)
    assert time.monotonic() - began < TIMEOUT + 1
    assert time.thread_time() - busy < 0.05 * TIMEOUT
    server.lies.clear()
    assert subjects(connector) == ["Question 1", "Question 2", "Question 3"]


def test_nothing_that_listens_is_unreachable(server: LyingServer, connect: Connect) -> None:
    server.__exit__()
    with pytest.raises(Unreachable):
        subjects(connect())


def test_a_crowded_server_is_left_alone_for_a_minute(server: LyingServer, connect: Connect) -> None:
    server.lies.add("crowded")
    with pytest.raises(RateLimited) as caught:
        subjects(connect())
    assert caught.value.retry_after == 60


def test_refused_credentials_are_named_by_their_code_alone(server: LyingServer, connect: Connect) -> None:
    server.lies.add("denied")
    with pytest.raises(AccessDenied, match="AUTHENTICATIONFAILED") as caught:
        subjects(connect())
    assert "secret" not in str(caught.value).replace("the secret's file", "")
    findings = connect().check().findings
    assert [f.ok for f in findings] == [False]
    assert findings[0].mend


@pytest.mark.parametrize("lie", ["bye_in_idle", "half_line", "calm"])
def test_waiting_is_quiet_whatever_the_server_does(server: LyingServer, connect: Connect, lie: str) -> None:
    server.lies.add(lie)
    connector = connect()
    began, busy = time.monotonic(), time.thread_time()
    assert connector.wait(2.5) is False
    assert time.monotonic() - began == pytest.approx(2.5, abs=0.5)
    assert time.thread_time() - busy < 0.05 * 2.5
    assert sum(b"IDLE" in c for c in server.commands) <= 3


def test_news_before_the_continuation_is_a_hint(server: LyingServer, connect: Connect) -> None:
    server.lies.add("early_exists")
    assert connect().wait(5) is True


def test_a_flood_of_hints_is_calmed(server: LyingServer, connect: Connect) -> None:
    server.lies.add("flood")
    connector = connect()
    began, busy, hints = time.monotonic(), time.thread_time(), 0
    while time.monotonic() - began < 3:
        hints += connector.wait(5)
    assert 1 < hints <= 4
    assert time.thread_time() - busy < 0.15


def test_a_server_without_idle_just_waits_and_can_be_woken(connect: Connect) -> None:
    with LyingServer(CAPABILITIES.replace(" IDLE", "")) as server:
        connector = connect(server)
        began = time.monotonic()
        assert connector.wait(0.3) is False
        assert time.monotonic() - began >= 0.3
        timer = threading.Timer(0.2, connector.wake)
        timer.start()
        assert connector.wait(30) is False
        timer.join()
        connector.wake()
        assert connector.wait(30) is False
        assert time.monotonic() - began < 10
        connector.close()
