"""Zendesk under faults, lost answers, agents in between and storms of 429: the real pipeline and journal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartticket_daemon.http import budget
from smartticket_daemon.polling import poll
from tests.desk import Desk
from tests.doubles.hour import Hour
from tests.doubles.server import Fault, Request, broken, too_many
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account, group_id

UPDATE = "PUT /api/vN/tickets/N"
TAG = "category__billing"
MIXED = (
    Fault(lost=True), Fault(cut=True), Fault(refused=True), broken(500), broken(503), broken(520),
    too_many(2), too_many(3, as_date=True),
)  # fmt: skip


class Support:
    """The account, the journal and the source over both."""

    def __init__(self, double: ZendeskDouble, folder: Path) -> None:
        self.double = double
        self.account = Account(double, folder)
        self.desk = Desk(folder)
        self.desk.clock = double.hour.now  # type: ignore[assignment]
        self.source = self.make()

    def make(self):
        return self.desk.source(connector=self.account.connect(batch=100), max_attempts=50)

    def tickets(self, count: int) -> list[int]:
        made = [self.double.create(f"billing 0.9{n}", f"My invoice {n} is wrong.") for n in range(count)]
        self.double.hour.forward(120)
        return made

    def begin(self) -> None:
        """The first poll, of an empty account: what comes later is new, and written without looking first."""
        assert poll(self.source) == 0

    def work(self, rounds: int = 1000, *, restart: bool = False) -> int:
        """Poll every minute until nothing is left; returns the rounds it took."""
        for number in range(1, rounds):
            poll(self.make() if restart else self.source)
            self.double.hour.forward(60)
            counts = self.desk.journal.ledger().get("support", {})
            if counts.get("seen", 0) >= len(self.double.tickets) and not counts["pending"]:
                return number
        raise AssertionError(self.desk.ledger())

    def assert_done(self, number: int) -> None:
        record = self.double.tickets[number]
        assert len(self.double.notes(number)) == 1
        assert TAG in record.tags
        assert record.group == group_id("Billing")

    def assert_clean(self) -> None:
        assert self.double.violations == []
        assert self.double.errors == []
        assert self.double.public == 0


@pytest.fixture
def support(tmp_path: Path) -> Iterator[Support]:
    with ZendeskDouble(Hour()) as double:
        double.pace = 0.3
        yield Support(double, tmp_path)


def test_faults_cost_no_second_write(support: Support) -> None:
    support.begin()
    numbers = support.tickets(200)
    support.double.troubles.chance, support.double.troubles.kinds = 0.1, MIXED
    support.work()
    support.assert_clean()
    for number in numbers:
        support.assert_done(number)
    assert support.desk.ledger() == {"seen": 200, "applied": 200}
    assert support.double.troubles.struck > 50
    sent = support.double.calls[UPDATE] - 1  # check asks once whether we may write
    assert len(support.double.writes) == 200
    print(f"write calls per ticket: {sent / 200:.3f}; calls: {sum(support.double.calls.values()) / 200:.2f}")
    assert sent / 200 <= 1.15


def test_without_faults_each_ticket_costs_one_write_and_two_reads(support: Support) -> None:
    support.begin()
    support.tickets(50)
    support.work()
    assert support.double.calls[UPDATE] == 50 + 1
    assert support.double.calls["GET /api/vN/tickets/N"] == 50
    assert support.double.calls["GET /api/vN/tickets/N/audits"] == 50


def test_a_lost_answer_costs_one_look_and_no_second_note(support: Support) -> None:
    support.begin()
    numbers = support.tickets(20)
    support.double.troubles.order(Fault(lost=True), "PUT", "/tickets/", times=20)
    support.work()
    support.assert_clean()
    for number in numbers:
        support.assert_done(number)
    assert support.double.calls[UPDATE] == 20 + 1
    assert support.double.calls["GET /api/vN/tickets/N/audits"] == 2 * 20
    assert support.desk.ledger() == {"seen": 20, "applied": 20}


def test_people_in_between_lose_nothing(support: Support) -> None:
    numbers = support.tickets(80)
    double, dice, deeds = support.double, random.Random(7), dict[int, str]()

    def meddle(request: Request) -> None:
        parts = request.path.split("/")
        number = int(parts[4]) if len(parts) == 5 and parts[4].isdigit() else 0
        if request.method != "PUT" or number in deeds or number not in double.tickets:
            return
        deeds[number] = dice.choice(
            ["tag", "route", "answer", "close", "merge", "delete", "decide", "nothing"]
        )
        act(double, number, deeds[number])

    double.meddle = meddle
    support.work()
    support.assert_clean()
    assert len(deeds) == 80
    for number in numbers:
        check_person_won(support, number, deeds[number])


def act(double: ZendeskDouble, number: int, deed: str) -> None:
    tags = double.tickets[number].tags
    if deed == "tag":
        double.change(number, tags=[*tags, "vip"])
    elif deed == "decide":
        double.change(number, tags=[*tags, "category__refund_cancellation"])
    elif deed == "route":
        double.change(number, group=group_id("Complaints"))
    elif deed == "answer":
        double.speak(number)
    elif deed == "close":
        double.change(number, status="closed")
    elif deed == "merge":
        double.change(number, status="closed", tags=[*tags, "closed_by_merge"])
    elif deed == "delete":
        double.change(number, status="deleted")


def check_person_won(support: Support, number: int, deed: str) -> None:
    record = support.double.tickets[number]
    if deed in ("tag", "nothing"):
        support.assert_done(number)
        assert ("vip" in record.tags) is (deed == "tag")
        return
    assert support.double.notes(number) == []
    assert TAG not in record.tags
    assert record.group == (group_id("Complaints") if deed == "route" else None)
    assert ("category__refund_cancellation" in record.tags) is (deed == "decide")


def test_a_change_in_the_same_second_as_our_reading_is_noticed(support: Support) -> None:
    """The stamp is too coarse to show it, so a ticket that was changed just now is read again first."""
    double, number = support.double, support.tickets(1)[0]
    double.pace = 0.0
    poll(support.source)  # reads the ticket and writes: nobody was in between
    other = double.create("billing 0.95", "Another invoice.")
    double.hour.forward(120)
    turns = iter(["vip", "gold"])

    def meddle(request: Request) -> None:
        if request.path.endswith(f"/{other}") and (tag := next(turns, None)):
            double.change(other, tags=[*double.tickets[other].tags, tag])

    double.meddle = meddle
    support.work()
    assert set(double.tickets[other].tags) == {TAG, "vip", "gold"}
    support.assert_done(number)


def test_no_request_inside_a_retry_after_window(support: Support) -> None:
    support.tickets(20)
    double, dice, early = support.double, random.Random(3), list[str]()
    until = [double.hour.at]

    def storm(request: Request) -> Fault | None:
        if double.hour.at < until[0]:
            early.append(request.path)
        if dice.random() > 0.1:
            return None
        seconds = dice.choice([1, 7, 30, 120])
        until[0] = double.hour.at + timedelta(seconds=seconds)
        return too_many(seconds, as_date=dice.random() < 0.5)

    double.trouble = storm
    double.pace = 0.05
    support.work()
    assert early == []
    assert support.desk.ledger() == {"seen": 20, "applied": 20}


def test_the_vendors_limit_is_never_met(support: Support) -> None:
    """At the full budget the account's own limits of updates are used to the last and never passed."""
    support.tickets(90)
    support.double.limits["update"].total = 20
    rounds = support.work()
    support.assert_clean()
    assert support.double.calls["429"] <= 1  # the very first answers have not announced the limit yet
    assert rounds <= 90 / 20 + 3
    assert len(support.double.writes) == 90


def test_each_round_by_a_new_process(support: Support) -> None:
    numbers = support.tickets(30)
    support.double.troubles.chance, support.double.troubles.kinds = 0.3, MIXED
    support.work(restart=True)
    support.assert_clean()
    for number in numbers:
        support.assert_done(number)


@pytest.mark.parametrize("trouble", ["public", "ignored", "unmarked"])
def test_an_answer_that_is_not_right_stops_the_source(support: Support, trouble: str) -> None:
    double = support.double
    first, _second = support.tickets(2)
    double.publishes = trouble == "public"
    double.ignored = {"public": set(), "ignored": {"tags"}, "unmarked": {"metadata"}}[trouble]
    assert poll(support.source) == 78
    assert len(double.writes) == 1
    error = support.desk.journal.health("support").error
    assert str(first) in error
    if trouble != "public":
        return
    assert [note["public"] for note in double.notes(first)] == [False]
    assert "public" in error
    double.publishes = False
    assert poll(support.source) == 78  # until it is started again
    assert len(double.writes) == 1
    assert not support.source.connector.check().ok
    double.hour.forward(600)
    support.source = support.make()
    support.work()
    assert len(double.notes(first)) == 1


def test_a_public_note_that_is_found_after_a_lost_answer_is_hidden(support: Support) -> None:
    double = support.double
    number = support.tickets(1)[0]
    support.source.connector.check()
    double.publishes = True
    double.troubles.order(Fault(lost=True), "PUT", f"/tickets/{number}")
    for _ in range(5):
        poll(support.source)
        double.hour.forward(600)
    assert [note["public"] for note in double.notes(number)] == [False]
    assert "made private" in support.desk.journal.health("support").error


def test_the_source_goes_red_and_recovers_without_a_restart(support: Support) -> None:
    double = support.double
    support.tickets(1)
    secret, double.secret = double.secret, "changed"
    assert poll(support.source) == 77
    double.secret = secret
    support.work()
    for fault, code in ((broken(500), 69), (Fault(refused=True), 69), (Fault(double_html()), 69)):
        double.troubles.order(fault, times=20)
        assert poll(support.source) == code
        double.troubles.ordered.clear()
        double.hour.forward(120)
        assert poll(support.source) == 0
        double.hour.forward(120)


def double_html():
    return broken(200).reply


def test_two_sources_on_one_account_share_its_budget(support: Support) -> None:
    double = support.double
    support.tickets(1)
    double.limits["account"].total = 40
    one, other = (support.account.connect(batch=100, budget=0.5) for _ in range(2))
    one.check()
    for connector in (one, other) * 30:
        connector.check()
    assert sum(double.calls.values()) <= 20 + 2 + 2  # tokens; and what went out before the limit was known
    assert budget.budget_of(double.url, "") is one._desk.session._budget
