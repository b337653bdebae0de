from datetime import timedelta

import pytest

from smartticket_daemon.backoff import LONGEST, LONGEST_ASKED, Backoff, asked_wait
from smartticket_daemon.errors import RateLimited, RejectedError, TransientError


def test_waits_double_up_to_an_hour() -> None:
    backoff = Backoff(timedelta(seconds=30), random=lambda: 1.0)
    waits = [backoff.delay(n).total_seconds() for n in range(1, 10)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert backoff.delay(10_000) == LONGEST


def test_half_of_a_wait_is_random() -> None:
    low, high = (Backoff(timedelta(seconds=30), random=lambda r=r: r).delay(2) for r in (0.0, 1.0))
    assert (low.total_seconds(), high.total_seconds()) == (30, 60)
    assert len({Backoff().delay(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RateLimited("slow down", retry_after=7.5), timedelta(seconds=7.5)),
        (TransientError("later", retry_after=0), timedelta(0)),
        (TransientError("later", retry_after=-3), timedelta(0)),
        (RateLimited("much later", retry_after=1e300), LONGEST_ASKED),
        (TransientError("later"), None),
        (RejectedError("never"), None),
        (OSError("foreign"), None),
    ],
)
def test_the_wait_that_a_remote_asks_for(error: Exception, wait: timedelta | None) -> None:
    assert asked_wait(error) == wait
