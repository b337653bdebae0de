"""Writing to a Freshdesk that fails, throttles, forgets and lies."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from dataclasses import replace

import pytest

from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_daemon.domain import Triage
from smartticket_daemon.errors import (
    RateLimited,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.polling import poll
from smartticket_daemon.testing.steps import carry_out
from tests.doubles.freshdesk_bench import ODD, PLAN, WRITES, Bench, standing
from tests.doubles.server import Fault, Reply, broken, too_many

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]


def run_dry(bench: Bench, connector: FreshdeskConnector, rounds: int = 300) -> int:
    """Poll until nothing is pending; returns how many rounds that took."""
    for done in range(1, rounds + 1):
        poll(bench.desk.source(connector=connector, max_attempts=50))
        bench.clock.forward(seconds=90)
        if done > 1 and not bench.desk.ledger().get("pending"):
            return done
    raise AssertionError(f"still pending: {bench.desk.ledger()}")


def test_200_tickets_with_every_tenth_request_in_trouble(bench: Bench) -> None:
    chance = random.Random(11)
    names = [bench.account.deliver("billing 0.9", f"Invoice {n}?") for n in range(200)]
    faults = [
        Fault(lost=True),
        Fault(cut=True),
        Fault(refused=True),
        broken(),
        broken(502),
        Fault(Reply(503)),
        too_many(7),
        too_many(7, as_date=True),
    ]
    bench.double.trouble = lambda request: chance.choice(faults) if chance.random() < 0.1 else None
    run_dry(bench, bench.connector())
    assert bench.desk.ledger() == {"seen": 200, "applied": 200}
    for name in names:
        assert standing(bench, name) == (["category__billing"], "Billing", 1)
    accepted = bench.double.accepted
    per_ticket = sum(accepted[method] for method in WRITES) / len(names)
    sent = len(bench.requests(0, *WRITES)) / len(names)
    print(f"write calls a ticket: {per_ticket:.3f} that reached the service, {sent:.3f} sent, of 200 tickets")
    assert per_ticket <= 2.05


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(cut=True)], ids=["lost", "cut"])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_write_whose_answer_is_lost_is_not_repeated(bench: Bench, method: str, fault: Fault) -> None:
    connector, ref = bench.one()
    once = [fault]
    bench.double.trouble = lambda r: once.pop() if r.method == method and once else None
    with pytest.raises(TransientError) as caught:
        connector.apply(ref, PLAN, ref.key)
    assert not isinstance(caught.value, Unreachable), "it is no trouble of the whole source"
    before = len(bench.double.requests)
    found = connector.applied(ref, ref.key)
    assert len(bench.requests(before)) == 1, "one read tells"
    left = PLAN.minus(found) if found else PLAN
    receipt = found.plus(connector.apply(ref, left, ref.key)) if found and left else found
    receipt = receipt or connector.apply(ref, PLAN, ref.key)
    assert standing(bench, ref.ticket) == (["category__billing"], "Billing", 1)
    assert (receipt.tags, receipt.route, receipt.route_before) == (PLAN.tags, "Billing", None)
    assert Counter(r.method for r in bench.requests(0, *WRITES)) == {"PUT": 1, "POST": 1}


@pytest.mark.parametrize("fault", [Fault(refused=True), Fault(lost=True)], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 5))
@pytest.mark.parametrize("mode", ["suggest", "tag", "abstain"])
def test_broken_off_at_any_step_it_is_finished_once(bench: Bench, mode: str, step: int, fault: Fault) -> None:
    plan = {"suggest": PLAN, "tag": replace(PLAN, note=None), "abstain": Triage(("category__unsure",))}[mode]
    connector, ref = bench.one()
    first = len(bench.double.requests)
    bench.double.trouble = lambda r: fault if r.number - first >= step else None
    with contextlib.suppress(SmartTicketError):
        connector.apply(ref, plan, ref.key)
    bench.double.trouble = lambda r: None
    again = bench.connector()
    for _ in range(3):
        carry_out(again, ref, plan)
    assert standing(bench, ref.ticket) == (list(plan.tags), plan.route, 1 if plan.note else 0)
    assert bench.double.accepted["PUT"] == 1
    assert bench.double.accepted["POST"] == (1 if plan.note else 0)


@pytest.mark.parametrize("as_date", [False, True])
def test_nothing_is_asked_while_we_are_told_to_wait(bench: Bench, as_date: bool) -> None:
    connector, ref = bench.one()
    bench.double.fail_next(too_many(45, as_date=as_date))
    with pytest.raises(RateLimited) as caught:
        connector.apply(ref, PLAN, ref.key)
    assert caught.value.retry_after == pytest.approx(45, abs=1.1)
    before = len(bench.double.requests)
    for _ in range(40):
        bench.clock.forward(seconds=1)
        with pytest.raises(RateLimited):
            connector.apply(ref, PLAN, ref.key)
    assert len(bench.double.requests) == before
    bench.clock.forward(seconds=6)
    assert connector.apply(ref, PLAN, ref.key).note_id


def test_the_announced_limit_is_kept_and_credits_count(bench: Bench) -> None:
    bench.double.limits = {"": 200, "update": 80, "list": 20}
    for n in range(100):
        bench.account.deliver("billing 0.9", f"Invoice {n}?")
    connector = bench.connector(budget=0.5)
    rounds = 0
    while bench.desk.ledger().get("applied") != 100:
        poll(bench.desk.source(connector=connector, max_attempts=50))
        bench.clock.forward(seconds=2)
        rounds += 1
    assert bench.double.throttled == 0
    minutes = rounds * 2 / 60
    assert bench.double.credits <= 100 * (minutes + 1)
    print(f"100 tickets in {minutes:.1f} min, {bench.double.credits / 100:.2f} requests a ticket")


def test_a_ticket_is_begun_only_with_room_for_all_of_it(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.clock.forward(seconds=120)
    bench.double.limits[""] = 7
    for _ in range(3):
        connector._api.me()
    before = len(bench.double.requests)
    with pytest.raises(RateLimited):
        connector.apply(ref, PLAN, ref.key)
    assert len(bench.double.requests) == before
    bench.clock.forward(seconds=60)
    assert connector.apply(ref, PLAN, ref.key).note_id


@pytest.mark.parametrize("reply", ODD)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_answers_of_something_else_are_no_success(bench: Bench, method: str, reply: Reply) -> None:
    connector, ref = bench.one()
    bench.double.trouble = lambda r: Fault(reply) if r.method == method else None
    with pytest.raises(SmartTicketError):
        connector.apply(ref, PLAN, ref.key)
    bench.double.trouble = lambda r: None
    with pytest.raises(SmartTicketError) if method == "POST" and reply.body == {} else _nothing():
        carry_out(connector, ref, PLAN)
        assert standing(bench, ref.ticket) == (["category__billing"], "Billing", 1)


class _nothing:  # noqa: N801 - stands beside pytest.raises
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
