"""Reading a Freshdesk whose list moves, lags and hides: nothing is lost, and little is paid for it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.testing.steps import fetch, tickets
from tests.doubles.freshdesk_town import Town
from tests.doubles.server import Request

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]


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
        messages, cursor = fetch(connector, cursor)
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
    connector, cursor = town.connector(), None
    seen: set[str] = set()
    names: list[str] = []
    for _ in range(12):
        names += town.deliver(2, apart=4)
        town.clock.forward(seconds=10)
        messages, cursor = fetch(connector, cursor)
        assert not seen & set(tickets(messages))
        seen |= set(tickets(messages))
    town.clock.forward(seconds=60)
    messages, _ = fetch(connector, cursor)
    assert seen | set(tickets(messages)) == set(names)


@pytest.mark.parametrize("restarted", [True, False])
def test_what_was_taken_for_spam_and_comes_back_is_read(town: Town, restarted: bool) -> None:
    first, second = town.deliver(2)
    town.account.mark_spam(first)
    connector = town.connector()
    messages, cursor = fetch(connector, None)
    assert tickets(messages) == [second]
    town.clock.forward(hours=5)
    town.account.mark_spam(first, spam=False)
    messages, _ = fetch(town.connector() if restarted else connector, cursor)
    assert tickets(messages) == [first]


def test_what_was_not_recorded_comes_again(town: Town) -> None:
    connector = town.connector(batch=2)
    _, cursor = fetch(connector, None)
    names = town.deliver(6, apart=2)
    assert tickets(fetch(connector, cursor)[0]) == names
    assert tickets(fetch(connector, cursor)[0]) == names
    batches = connector.fetch(cursor)
    recorded, lost = next(batches), next(batches)
    batches.close()  # type: ignore[attr-defined]
    again, _ = fetch(connector, recorded.cursor)
    assert tickets([*recorded.messages, *again]) == names
    assert set(tickets(list(lost.messages))) <= set(tickets(again))


def test_after_a_pause_what_was_recorded_is_not_paid_for_again(town: Town) -> None:
    connector, cursor = town.connector(), None
    names = town.deliver(50)
    _, cursor = fetch(connector, cursor)
    connector.close()
    for name in names:
        town.account.agent_notes(name)
    before = town.double.credits
    assert fetch(connector, cursor)[0] == []
    assert town.double.credits - before == 1


def test_an_idle_poll_costs_one_request_and_so_do_our_own_traces(town: Town) -> None:
    names = town.deliver(5)
    connector = town.connector()
    _, cursor = fetch(connector, None)
    for trace in (lambda: None, lambda: [town.account.agent_notes(name) for name in names]):  # type: ignore[func-returns-value]
        trace()
        town.clock.forward(seconds=60)
        before = town.double.credits
        messages, cursor = fetch(connector, cursor)
        assert messages == []
        assert town.double.credits - before == 1


@pytest.mark.parametrize(("new", "credits"), [(1, 1 + 3), (2, 1 + 6), (3, 1 + 7), (50, 1 + 7)])
def test_includes_are_asked_for_when_they_are_worth_it(town: Town, new: int, credits: int) -> None:
    town.deliver(1)
    connector = town.connector()
    _, cursor = fetch(connector, None)
    town.clock.forward(seconds=300)
    names = town.deliver(new)
    before = town.double.credits
    messages, _ = fetch(connector, cursor)
    assert tickets(messages) == names
    assert all(m.body.startswith("body") and m.requester.address for m in messages)
    assert town.double.credits - before == credits


def test_a_backlog_is_read_whole_from_its_second_page_on(town: Town) -> None:
    town.deliver(400, apart=3)
    messages, _ = fetch(town.connector(), None)
    assert len(messages) == 400
    includes = ["include" in r.query for r in town.lists()]
    assert includes == [False, *[True] * (len(includes) - 1)]
    assert len(includes) <= 7
