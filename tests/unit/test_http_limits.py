"""Rate headers in every spelling that was recorded, and Retry-After in both forms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from smartticket_daemon.http.limits import ACCOUNT, Limit, announced, retry_after

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({"X-Rate-Limit": "700", "X-Rate-Limit-Remaining": "699"}, Limit(700, 699, None)),
        ({"ratelimit-limit": "400", "ratelimit-remaining": "0", "ratelimit-reset": "17"}, Limit(400, 0, 17)),
        ({"rate-limit": "200", "rate-limit-remaining": "3", "rate-limit-reset": "9"}, Limit(200, 3, 9)),
        ({"X-RateLimit-Total": "100.0", "X-RateLimit-Remaining": "99.0"}, Limit(100, 99, None)),
        ({"x-ratelimit-limit": "50", "X-RATELIMIT-REMAINING": "50"}, Limit(50, 50, None)),
    ],
)
def test_the_account_limit_in_any_spelling(headers: dict[str, str], limit: Limit) -> None:
    assert announced(headers).limits == {ACCOUNT: limit}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("zendesk-ratelimit-tickets-index", "tickets-index"),
        ("Zendesk-Rate-Limit-Tickets-Update", "tickets-update"),
        ("zendesk-ratelimit-per-ticket-updates", "per-ticket-updates"),
    ],
)
def test_limits_of_endpoints_stand_apart(header: str, name: str) -> None:
    said = announced({header: "total=20; remaining=19; resets=59", "X-Rate-Limit": "700"})
    assert said.limits == {name: Limit(20, 19, 59), ACCOUNT: Limit(700, None, None)}


def test_what_a_request_cost_is_read() -> None:
    assert announced({"X-RateLimit-Used-CurrentRequest": "5"}).used == 5
    assert announced({}).used is None


@pytest.mark.parametrize("value", ["", "many", "-1", "nan", "inf", "1e99", "12, 13", "\x00"])
def test_nonsense_counts_as_absent(value: str) -> None:
    said = announced(
        {"X-Rate-Limit": value, "zendesk-ratelimit-x": value, "X-RateLimit-Used-CurrentRequest": value}
    )
    assert (said.limits, said.used) == ({}, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("93", 93.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("Mon, 02 Nov 2026 09:02:00 GMT", 120.0),
        ("Monday, 02-Nov-26 09:02:00 GMT", 120.0),
        ("Mon Nov  2 09:02:00 2026", 120.0),
        ("Mon, 02 Nov 2026 08:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("Mon, 99 Nov 2026 09:02:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    assert retry_after(CaseInsensitiveDict({"retry-after": value}), NOW) == seconds


def test_a_date_is_measured_against_the_services_own_clock() -> None:
    headers = {"Retry-After": "Mon, 02 Nov 2026 07:00:30 GMT", "Date": "Mon, 02 Nov 2026 07:00:00 GMT"}
    assert retry_after(CaseInsensitiveDict(headers), NOW) == 30.0


def test_no_header_no_wait() -> None:
    assert retry_after(CaseInsensitiveDict(), NOW) is None
