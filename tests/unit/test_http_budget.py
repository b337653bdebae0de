"""The share of the limits is kept in every minute, by all who share the account, and nobody sleeps for it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartticket_daemon.errors import RateLimited
from smartticket_daemon.http.budget import LONGEST, WINDOW, Budget, budget_of
from smartticket_daemon.http.limits import ACCOUNT, Announced, Limit


def told(total: int | None = None, left: int | None = None, resets: float | None = None, name: str = ACCOUNT):
    return Announced({name: Limit(total, left, resets)})


def waited(budget: Budget, now: float, share: float = 1.0, endpoint: str = ACCOUNT) -> float:
    with pytest.raises(RateLimited) as caught:
        budget.take(now, share, endpoint)
    assert caught.value.retry_after is not None
    return caught.value.retry_after


def asked_to_wait(budget: Budget, now: float, share: float) -> float:
    """Seconds until a request is allowed; 0 when it was, and is counted."""
    try:
        budget.take(now, share)
    except RateLimited as error:
        return error.retry_after or 0.0
    return 0.0


def test_without_a_known_limit_requests_go_out() -> None:
    budget = Budget()
    for _ in range(500):
        budget.take(0.0, 0.5)


def test_the_share_is_kept_and_the_wait_is_exact() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=10))
    for second in range(5):
        budget.take(float(second), 0.5)
    assert waited(budget, 5.0, 0.5) == WINDOW - 5
    budget.take(WINDOW, 0.5)
    assert waited(budget, WINDOW, 0.5) == 1.0


def test_room_is_told_without_being_taken_and_comes_in_halves() -> None:
    budget = Budget()
    budget.room(0.0, 0.5, 1_000)
    budget.learn(0.0, told(total=20))
    for second in range(8):
        budget.room(float(second), 0.5, 3)
        budget.take(float(second), 0.5)
    budget.room(8.0, 0.5, 2)
    with pytest.raises(RateLimited) as caught:
        budget.room(8.0, 0.5, 3)
    assert caught.value.retry_after == WINDOW - 8 + 2, "until five are free, not three"
    budget.room(WINDOW + 2, 0.5, 5)


def test_a_tiny_share_still_moves() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=10))
    budget.take(0.0, 0.01)
    assert waited(budget, 1.0, 0.01) == WINDOW - 1


@given(
    st.lists(st.floats(0, 8), min_size=50, max_size=400),
    st.integers(1, 60),
    st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]),
)
def test_no_minute_ever_holds_more_than_the_share(gaps: list[float], total: int, share: float) -> None:
    budget, now, sent = Budget(), 0.0, list[float]()
    budget.learn(now, told(total=total))
    for gap in gaps:
        now += gap
        if wait := asked_to_wait(budget, now, share):
            now += wait + 1e-6
            assert not asked_to_wait(budget, now, share)
        sent.append(now)
    ours = max(int(total * share), 1)
    assert all(later - sent[i] >= WINDOW - 1e-3 for i, later in enumerate(sent[ours:]))


def test_an_hour_of_work_uses_the_share_within_two_percent() -> None:
    budget, now, sent = Budget(), 0.0, 0
    budget.learn(now, told(total=100))
    while now < 3600:
        wait = asked_to_wait(budget, now, 0.5)
        now += wait
        sent += not wait
    assert 0.98 * 3000 <= sent <= 1.02 * 3000


def test_a_limit_of_an_endpoint_holds_up_that_endpoint_alone() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=2, name="update"), "update")
    budget.take(0.0, 1.0, "update")
    budget.take(0.0, 1.0, "update")
    assert waited(budget, 0.0, 1.0, "update") == WINDOW
    budget.take(0.0, 1.0)


def test_requests_of_an_endpoint_count_for_the_account_once() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=3))
    for name in ("update", "", "update"):
        budget.take(0.0, 1.0, name)
    assert waited(budget, 0.0) == WINDOW


def test_a_request_that_is_refused_here_is_not_counted() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=1, name="update"), "update")
    budget.learn(0.0, told(total=2))
    budget.take(0.0, 1.0, "update")
    for _ in range(5):
        waited(budget, 0.0, 1.0, "update")
    budget.take(0.0, 1.0)


def test_credits_count_as_so_many_requests() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=10))
    budget.take(0.0, 1.0, cost=5)
    budget.learn(0.0, Announced({}, used=8), cost=5)
    budget.take(0.0, 1.0, cost=2)
    assert waited(budget, 0.0) == WINDOW


def test_a_cost_above_the_whole_share_goes_out_when_nothing_else_did() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=4))
    budget.take(0.0, 0.5, cost=5)
    with pytest.raises(RateLimited):
        budget.take(1.0, 0.5, cost=5)
    budget.take(WINDOW, 0.5, cost=5)


def test_nothing_left_means_waiting_for_the_announced_reset() -> None:
    budget = Budget()
    budget.learn(100.0, told(total=700, left=0, resets=42))
    assert waited(budget, 101.0) == 41.0
    budget.take(142.0, 1.0)


def test_a_block_ends_when_it_was_said_to() -> None:
    budget = Budget()
    budget.block(0.0, 300, [ACCOUNT])
    budget.block(0.0, 10, [ACCOUNT])
    assert waited(budget, 299.0) == 1.0
    budget.take(300.0, 1.0)


def test_an_absurd_wait_is_capped() -> None:
    budget = Budget()
    budget.block(0.0, 1e12, ["update"])
    assert waited(budget, 0.0, 1.0, "update") == LONGEST
    budget.take(0.0, 1.0)


def test_room_counts_nothing_and_asks_to_come_back_for_more_than_one() -> None:
    budget = Budget()
    budget.room(0.0, 1.0, 3, "update")
    budget.learn(0.0, told(total=16, name="update"), "update")
    for second in range(16):
        budget.room(float(second), 1.0, 3, "update")
        budget.take(float(second), 1.0, "update")
    with pytest.raises(RateLimited) as caught:
        budget.room(16.0, 1.0, 3, "update")
    assert caught.value.retry_after == WINDOW + 1 - 16  # until two of the sixteen are free
    budget.room(WINDOW + 1, 1.0, 3, "update")


def test_room_looks_at_the_account_too() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=4))
    budget.take(0.0, 1.0)
    budget.room(1.0, 1.0, 3, "update")
    budget.take(1.0, 1.0)
    with pytest.raises(RateLimited):
        budget.room(2.0, 1.0, 3, "update")
    budget.room(2.0, 1.0, 2)


def test_where_all_of_it_is_ours_the_vendors_new_minute_is_used_at_once() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=3, left=3, resets=20))
    for _ in range(3):
        budget.take(15.0, 1.0)
    for left in (2, 1, 0):
        budget.learn(15.0, told(total=3, left=left, resets=5))
    assert waited(budget, 20.0) == 1.0, "his minute ends within the second after the 20th"
    for _ in range(3):
        budget.take(21.0, 1.0)
    assert waited(budget, 21.0) == WINDOW


def test_what_the_vendor_did_not_count_is_ours_once_more() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=2, left=2, resets=59))
    for _ in range(2):
        budget.take(0.0, 1.0)
    budget.learn(0.1, Announced({}))
    budget.learn(0.2, told(total=2, left=1, resets=59))
    budget.take(0.2, 1.0)
    assert waited(budget, 0.3) == pytest.approx(59.7)


def test_what_was_sent_and_not_answered_counts() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=2, left=2, resets=59))
    budget.take(0.0, 1.0)
    budget.take(0.0, 1.0)
    budget.learn(0.1, told(total=2, left=1, resets=59))
    assert waited(budget, 0.1) == pytest.approx(59.9)


def test_where_no_answer_came_the_vendor_may_have_counted() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=2, left=2, resets=59))
    for _ in range(2):
        budget.take(0.0, 1.0)
        budget.learn(0.1, Announced({}))
    assert waited(budget, 0.1) == pytest.approx(59.9)


def test_a_request_counts_from_its_answer_for_it_may_have_been_late() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=2))
    budget.take(0.0, 0.5)
    budget.learn(7.0, told(total=2))
    assert waited(budget, 59.0, 0.5) == 8.0
    budget.take(67.0, 0.5)


def test_each_answer_makes_the_end_of_the_minute_more_exact() -> None:
    budget = Budget()
    for now, resets in ((0.0, 42), (0.9, 41), (10.2, 32)):
        budget.learn(now, told(total=2, left=2, resets=resets))
    budget.take(11.0, 1.0)
    budget.take(11.0, 1.0)
    assert waited(budget, 11.0) == pytest.approx(42.9 - 11)


def test_a_share_looks_at_its_own_count_whatever_is_left() -> None:
    budget = Budget()
    budget.learn(0.0, told(total=10, left=10, resets=1))
    for _ in range(5):
        budget.take(0.0, 0.5)
    assert waited(budget, 2.0, 0.5) == WINDOW - 2


def test_all_on_one_account_share_one_budget() -> None:
    assert budget_of("https://a.example", "x") is budget_of("https://a.example", "x")
    assert budget_of("https://a.example", "x") is not budget_of("https://b.example", "x")
    assert budget_of("https://a.example", "x") is not budget_of("https://a.example", "y")


def test_many_threads_take_no_more_than_there_is() -> None:
    budget, taken = Budget(), list[int]()
    budget.learn(0.0, told(total=100))

    def work() -> None:
        for _ in range(50):
            try:
                budget.take(0.0, 1.0)
                taken.append(1)
            except RateLimited:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 100


def test_the_pace_follows_from_the_limits_that_were_announced() -> None:
    budget = Budget()
    assert budget.pace(0.5, 3, "tickets-update") is None
    budget.learn(0.0, told(700, 700))
    assert budget.pace(0.5, 7) == 50
    assert budget.pace(0.5, 3, "tickets-update") == pytest.approx(350 / 3)
    budget.learn(0.0, told(100, 99, 60, "tickets-update"), "tickets-update")
    assert budget.pace(0.5, 3, "tickets-update") == 50
