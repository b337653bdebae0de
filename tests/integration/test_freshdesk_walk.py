"""Reading a Freshdesk whose list moves, lags and hides: nothing is lost, and little is paid for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_connectors.freshdesk import FreshdeskConnector
from smartticket_daemon.domain import Author, Cursor, Message, Status
from smartticket_daemon.errors import ConfigurationError, Overtaken, RejectedError
from tests.desk import Clock
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import settings_for
from tests.doubles.freshdesk_state import CLOSED, OUTBOUND, RESOLVED
from tests.doubles.server import Request


class Town:
    """The double at a clock that is set, and connectors to it."""

    def __init__(self, double: FreshdeskDouble, clock: Clock, folder: Path) -> None:
        self.double, self.clock, self.account = double, clock, double.account
        self._folder = folder

    def connector(self, **more: Any) -> FreshdeskConnector:
        return FreshdeskConnector("support", settings_for(self.double, self._folder, **more))

    def deliver(self, count: int, *, apart: float = 0) -> list[str]:
        names = []
        for n in range(count):
            names.append(self.account.deliver(f"Question {n}", f"body {n}", f"c{n}@customer.example"))
            self.clock.forward(seconds=apart)
        return names

    def lists(self) -> list[Request]:
        return [r for r in self.double.requests if r.path == "/api/v2/tickets"]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    clock = Clock()
    with FreshdeskDouble(clock) as double:
        yield Town(double, clock, tmp_path)
        assert double.errors == []
        assert double.violations == []


def poll(connector: FreshdeskConnector, cursor: Cursor | None) -> tuple[list[Message], Cursor | None]:
    messages: list[Message] = []
    for batch in connector.fetch(cursor):
        assert batch.unreadable == ()
        messages += batch.messages
        cursor = batch.cursor
    return messages, cursor


def tickets(messages: list[Message]) -> list[str]:
    return [message.ref.ticket for message in messages]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("apart", [0, 0.3, 5])
@pytest.mark.parametrize("inclusive", [True, False])
def test_a_list_that_moves_while_it_is_read_loses_nothing(
    town: Town, seed: int, apart: float, inclusive: bool
) -> None:
    town.double.inclusive = inclusive
    chance = random.Random(seed)
    names = town.deliver(60, apart=apart)
    town.clock.forward(seconds=2)
    busy = [0]

    def people(request: Request) -> None:
        if request.path != "/api/v2/tickets" or busy[0] > 40:
            return
        busy[0] += 1
        town.clock.forward(seconds=chance.choice([0, 0, 1, 7]))
        for name in chance.sample(names, 3):
            deed = chance.choice([town.account.agent_notes, town.account.agent_notes, town.account.delete])
            deed(name)

    town.double.after = people
    connector, cursor, seen = town.connector(batch=7), None, set()
    for _ in range(3):
        messages, cursor = poll(connector, cursor)
        seen |= set(tickets(messages))
        town.clock.forward(seconds=60)
    assert seen >= {name for name in names if not town.account.ticket(name).deleted}
    pages = [int(r.query["page"]) for r in town.lists()]
    assert max(pages) <= 300


def test_trusting_page_numbers_would_lose_some(town: Town) -> None:
    """The same list read by plain paging: the double does move under the reader."""
    names = town.deliver(60)
    town.clock.forward(seconds=2)
    town.double.after = lambda request: town.account.agent_notes(names[0])
    api = town.connector()._api
    seen: set[int] = set()
    for page in range(1, 10):
        town.account.ticket(names[page]).updated = town.clock()
        seen |= {t["id"] for t in api.tickets(town.clock() - timedelta(days=1), page, 7)}
    assert len(seen) < 60


def test_more_tickets_in_a_second_than_freshdesk_lists_fail_loudly(town: Town) -> None:
    names = town.deliver(301)[:300]
    batches = town.connector(batch=1).fetch(None)
    assert tickets([m for _ in range(300) for m in next(batches).messages]) == names
    with pytest.raises(ConfigurationError, match="more than 300 tickets changed within a second"):
        next(batches)
    assert max(int(r.query["page"]) for r in town.lists()) == 300


def test_a_list_that_lags_loses_nothing(town: Town) -> None:
    town.double.lag = lambda ticket: 40 if ticket.id % 3 == 0 else 0
    connector, cursor, seen, names = town.connector(), None, set(), []
    for _ in range(12):
        names += town.deliver(2, apart=4)
        town.clock.forward(seconds=10)
        messages, cursor = poll(connector, cursor)
        assert not seen & set(tickets(messages))
        seen |= set(tickets(messages))
    town.clock.forward(seconds=60)
    messages, _ = poll(connector, cursor)
    assert seen | set(tickets(messages)) == set(names)


@pytest.mark.parametrize("restarted", [True, False])
def test_what_was_taken_for_spam_and_comes_back_is_read(town: Town, restarted: bool) -> None:
    first, second = town.deliver(2)
    town.account.mark_spam(first)
    connector = town.connector()
    messages, cursor = poll(connector, None)
    assert tickets(messages) == [second]
    town.clock.forward(hours=5)
    town.account.mark_spam(first, spam=False)
    messages, _ = poll(town.connector() if restarted else connector, cursor)
    assert tickets(messages) == [first]


def test_what_was_not_recorded_comes_again(town: Town) -> None:
    connector = town.connector(batch=2)
    _, cursor = poll(connector, None)
    names = town.deliver(6, apart=2)
    assert tickets(poll(connector, cursor)[0]) == names
    assert tickets(poll(connector, cursor)[0]) == names
    batches = connector.fetch(cursor)
    recorded, lost = next(batches), next(batches)
    batches.close()
    again, _ = poll(connector, recorded.cursor)
    assert tickets([*recorded.messages, *again]) == names
    assert set(tickets(list(lost.messages))) <= set(tickets(again))


def test_after_a_pause_what_was_recorded_is_not_paid_for_again(town: Town) -> None:
    connector, cursor = town.connector(), None
    names = town.deliver(50)
    _, cursor = poll(connector, cursor)
    connector.close()
    for name in names:
        town.account.agent_notes(name)
    before = town.double.credits
    assert poll(connector, cursor)[0] == []
    assert town.double.credits - before == 1


def test_an_idle_poll_costs_one_request_and_so_do_our_own_traces(town: Town) -> None:
    names = town.deliver(5)
    connector = town.connector()
    _, cursor = poll(connector, None)
    for trace in (lambda: None, lambda: [town.account.agent_notes(name) for name in names]):
        trace()
        town.clock.forward(seconds=60)
        before = town.double.credits
        messages, cursor = poll(connector, cursor)
        assert messages == []
        assert town.double.credits - before == 1


@pytest.mark.parametrize(("new", "credits"), [(1, 1 + 3), (2, 1 + 6), (3, 1 + 7), (50, 1 + 7)])
def test_includes_are_asked_for_when_they_are_worth_it(town: Town, new: int, credits: int) -> None:
    town.deliver(1)
    connector = town.connector()
    _, cursor = poll(connector, None)
    town.clock.forward(seconds=300)
    names = town.deliver(new)
    before = town.double.credits
    messages, _ = poll(connector, cursor)
    assert tickets(messages) == names
    assert all(m.body.startswith("body") and m.requester.address for m in messages)
    assert town.double.credits - before == credits


def test_a_backlog_is_read_whole_from_its_second_page_on(town: Town) -> None:
    town.deliver(400, apart=3)
    messages, _ = poll(town.connector(), None)
    assert len(messages) == 400
    includes = ["include" in r.query for r in town.lists()]
    assert includes == [False, *[True] * (len(includes) - 1)]
    assert len(includes) <= 7


def test_start_now_leaves_older_tickets_alone_even_when_they_change(town: Town) -> None:
    old = town.deliver(3)
    connector = town.connector(start="now")
    messages, cursor = poll(connector, None)
    assert messages == []
    town.account.customer_writes(old[0], "any news?")
    new = town.deliver(1)
    assert tickets(poll(connector, cursor)[0]) == new


def test_start_now_in_an_empty_account(town: Town) -> None:
    connector = town.connector(start="now")
    _, cursor = poll(connector, None)
    assert tickets(poll(connector, cursor)[0]) == []
    new = town.deliver(2)
    assert tickets(poll(connector, cursor)[0]) == new


def test_start_on_a_day_reads_what_changed_since(town: Town) -> None:
    old, waiting = town.deliver(2)
    town.clock.forward(days=3)
    day = town.clock()
    town.account.customer_writes(waiting, "any news?")
    (new,) = town.deliver(1)
    messages, _ = poll(town.connector(start=day), None)
    assert tickets(messages) == [waiting, new]
    assert old not in tickets(messages)
    assert [m.created < day for m in messages] == [True, False]


def test_a_message_that_is_gone_or_makes_no_sense_cannot_be_read(town: Town) -> None:
    name, _odd = town.deliver(2)
    connector = town.connector(on_reply="triage")
    first, second = (m.ref for m in poll(connector, None)[0])
    with pytest.raises(Overtaken, match="deleted"):
        connector.read(replace(first, message="12345"))
    shown = town.double._shown
    town.double._shown = lambda t, i: {**shown(t, i), "created_at": None}  # type: ignore[method-assign]
    with pytest.raises(RejectedError):
        connector.read(second)
    town.double._shown = shown  # type: ignore[method-assign]
    for end in (town.account.delete, town.account.purge):
        end(name)
        with pytest.raises(Overtaken, match="deleted"):
            connector.read(first)


def test_a_ticket_that_goes_while_it_is_read_is_left_out(town: Town) -> None:
    names = town.deliver(2)
    town.double.before = lambda r: town.account.purge(names[0]) if r.path.endswith("/tickets/1") else None
    assert tickets(poll(town.connector(), None)[0]) == [names[1]]


def test_what_everybody_needs_to_know_of_a_ticket(town: Town) -> None:
    names = town.deliver(6)
    account = town.account
    account.agent_answers(names[0])
    account.agent_sets_status(names[1], RESOLVED)
    account.agent_sets_status(names[2], CLOSED)
    account.agent_routes(names[3], "Other")
    account.ticket(names[4]).source = OUTBOUND
    account.ticket(names[5]).requester = account.agent + 1
    account.contacts["agent@our.example"] = account.agent + 1
    found = {m.ref.ticket: m for m in poll(town.connector(), None)[0]}
    assert [found[n].answered for n in names] == [True, False, False, False, False, False]
    assert (found[names[1]].status, found[names[2]].status) == (Status.SOLVED, Status.CLOSED)
    assert found[names[3]].group == "Other"
    assert [found[n].author for n in names[4:]] == [Author.AGENT, Author.AGENT]
    assert found[names[0]].author is Author.REQUESTER
    assert found[names[0]].number == names[0]


def test_groups_that_rules_give_are_no_decision(town: Town) -> None:
    (name,) = town.deliver(1)
    town.account.agent_routes(name, "Other")
    assert poll(town.connector(), None)[0][0].group == "Other"
    assert poll(town.connector(default_groups=["Other"]), None)[0][0].group is None


def test_replies_are_read_where_they_are_wanted(town: Town) -> None:
    (name,) = town.deliver(1)
    connector = town.connector(on_reply="triage")
    _, cursor = poll(connector, None)
    town.account.agent_answers(name)
    town.clock.forward(seconds=90)
    town.account.customer_writes(name, "It still does not work")
    town.account.agent_notes(name)
    first, reply = poll(connector, cursor)[0]
    assert (first.follow_up, first.answered) == (False, True)
    assert (reply.follow_up, reply.answered, reply.body) == (True, False, "It still does not work")
    assert first.ref.key != reply.ref.key
    assert connector.read(reply.ref) == reply
    assert poll(town.connector(), None)[0][0].ref == first.ref


def test_one_ticket_that_makes_no_sense_holds_nobody_up(town: Town) -> None:
    names = town.deliver(4)
    town.account.ticket(names[1]).subject = None  # type: ignore[assignment]
    shown = town.double._shown

    def odd(ticket: Any, includes: list[str]) -> dict[str, Any]:
        view = shown(ticket, includes)
        return {**view, "created_at": "yesterday"} if str(ticket.id) == names[2] else view

    town.double._shown = odd  # type: ignore[method-assign]
    batches = list(town.connector().fetch(None))
    assert [m.ref.ticket for b in batches for m in b.messages] == [names[0], names[1], names[3]]
    assert [(u.ref.ticket, u.reason) for b in batches for u in b.unreadable] == [(names[2], "malformed")]
