"""Tagging many of Zendesk's tickets by jobs, against the double: half failures, lost answers, people."""

from __future__ import annotations

from typing import Any

import pytest

from smartticket_connectors.zendesk import ZendeskConnector
from smartticket_daemon.domain import MessageRef, Receipt, Triage
from smartticket_daemon.errors import (
    ConfigurationError,
    Overtaken,
    RateLimited,
    RejectedError,
    TransientError,
)
from smartticket_daemon.testing.bulk import tag_all
from smartticket_daemon.testing.steps import TAG
from tests.doubles.server import Fault, Reply
from tests.doubles.zendesk_account import Account
from tests.doubles.zendesk_state import AGENT

pytest_plugins = ["tests.doubles.zendesk_fixtures"]

PLAN = Triage((TAG, "urgent"), rivals=("category__refund_cancellation",))
OTHER = Triage(("category__technical_issue",))


def arrived(account: Account, count: int) -> tuple[ZendeskConnector, list[MessageRef]]:
    """So many new tickets, polled."""
    for n in range(count):
        account.double.create(f"Question {n}", "text")
    account.double.hour.forward(120)
    connector = account.connect(batch=1000)
    refs = [message.ref for batch in connector.fetch(None) for message in batch.messages]
    assert len(refs) == count
    return connector, refs


def job_calls(account: Account) -> int:
    return account.double.calls["PUT /api/vN/tickets/update_many"]


def test_a_hundred_tickets_cost_a_handful_of_calls(account: Account) -> None:
    connector, refs = arrived(account, 200)
    account.double.calls.clear()
    outcomes = tag_all(connector, refs, PLAN, OTHER)
    assert {type(outcome) for outcome in outcomes.values()} == {Receipt}
    assert job_calls(account) == 4
    assert account.double.calls["GET /api/vN/tickets/show_many"] == 4
    assert sum(account.double.calls.values()) <= 2 * (2 + 2 + 2 * 3)
    assert account.double.writes == []


def test_each_ticket_of_a_job_has_an_outcome_of_its_own(account: Account) -> None:
    connector, refs = arrived(account, 4)
    numbers = [int(ref.ticket) for ref in refs]
    account.double.job_trouble.fails = {numbers[1]: "PermissionDenied", numbers[2]: "DatabaseTimeout"}
    outcomes = tag_all(connector, refs, PLAN)
    kinds = [type(outcomes[ref.key]) for ref in refs]
    assert kinds == [Receipt, RejectedError, TransientError, Receipt]
    assert all("customer" not in str(outcome) for outcome in outcomes.values())


def test_too_many_jobs_are_for_later_and_those_that_run_are_told(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.others = 29
    outcomes = tag_all(connector, refs, PLAN, OTHER)
    assert isinstance(outcomes[refs[0].key], Receipt)
    late = outcomes[refs[1].key]
    assert (type(late), late.retry_after) == (TransientError, 30)
    assert account.look(refs[1].ticket).tags == set()


def test_a_job_that_takes_long_is_left_to_itself_and_recognised_later(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.takes = 3600
    outcomes = tag_all(connector, refs, PLAN)
    assert {type(outcome) for outcome in outcomes.values()} == {TransientError}
    assert connector.applied(refs[0], refs[0].key) is None
    single = connector.apply(refs[0], PLAN, refs[0].key)
    assert single.tags == PLAN.tags
    account.double.hour.forward(3600)
    done = account.connect().applied(refs[1], refs[1].key)
    assert done is not None
    assert done.tags == PLAN.tags
    assert [account.look(ref.ticket).tags for ref in refs] == [set(PLAN.tags)] * 2
    assert job_calls(account) == 1


def test_what_an_earlier_job_set_is_ours_and_what_a_person_set_is_theirs(account: Account) -> None:
    connector, refs = arrived(account, 3)
    tag_all(connector, refs[:2], PLAN)
    account.agent_tags(refs[2].ticket, *PLAN.tags)
    outcomes = tag_all(account.connect(), refs, PLAN)
    assert [outcomes[ref.key].tags for ref in refs] == [PLAN.tags, PLAN.tags, ()]
    assert job_calls(account) == 1


def test_what_another_program_tagged_is_not_ours(account: Account) -> None:
    connector, refs = arrived(account, 1)
    record = account.double.tickets[int(refs[0].ticket)]
    record.tags = ["urgent"]
    account.double.audit(record, AGENT, [account.double.tags_changed([], ["urgent"])])
    assert connector.applied(refs[0], refs[0].key) is None


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(cut=True)])
def test_a_lost_answer_is_made_good_by_looking(account: Account, fault: Fault) -> None:
    connector, refs = arrived(account, 3)
    account.double.job_trouble.takes = 600
    account.double.troubles.order(fault, "PUT", "update_many")
    outcomes = tag_all(connector, refs, PLAN)
    assert {type(outcome) for outcome in outcomes.values()} == {TransientError}
    account.double.hour.forward(600)
    again = account.connect()
    for ref in refs:
        done = again.applied(ref, ref.key)
        assert done is not None
        assert not PLAN.minus(done)


def test_a_job_that_broke_off_tells_what_was_done(account: Account) -> None:
    connector, refs = arrived(account, 3)
    account.double.job_trouble.breaks = 1
    outcomes = tag_all(connector, refs, PLAN)
    assert [type(outcomes[ref.key]) for ref in refs] == [Receipt, TransientError, TransientError]


def test_a_job_that_zendesk_forgot_is_judged_by_the_tickets(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.forgets = True
    account.double.job_trouble.takes = 1
    outcomes = tag_all(connector, refs, PLAN)
    assert {type(outcome) for outcome in outcomes.values()} == {Receipt}


def between(account: Account, deed: Any) -> None:
    """A person acts once the job was asked for and before it runs."""

    def act(request: Any) -> None:
        if "job_statuses" in request.path:
            account.double.meddle = None
            deed()

    account.double.meddle = act


def test_a_person_who_decides_meanwhile_keeps_the_last_word(account: Account) -> None:
    connector, refs = arrived(account, 2)
    between(account, lambda: account.agent_tags(refs[0].ticket, "vip", "category__refund_cancellation"))
    outcomes = tag_all(connector, refs, PLAN)
    assert isinstance(outcomes[refs[0].key], Overtaken)
    assert outcomes[refs[0].key].reason == "human_decided"
    assert account.look(refs[0].ticket).tags == {"vip", "category__refund_cancellation"}
    assert outcomes[refs[1].key].tags == PLAN.tags


def test_a_ticket_deleted_meanwhile_is_overtaken(account: Account) -> None:
    connector, refs = arrived(account, 2)
    between(account, lambda: account.delete(refs[1].ticket))
    outcomes = tag_all(connector, refs, PLAN)
    assert outcomes[refs[0].key].tags == PLAN.tags
    assert outcomes[refs[1].key].reason == "deleted"


def test_tags_of_others_survive_a_job(account: Account) -> None:
    connector, refs = arrived(account, 1)
    between(account, lambda: account.agent_tags(refs[0].ticket, "urgent", "later"))
    receipt = tag_all(connector, refs, PLAN)[refs[0].key]
    assert account.look(refs[0].ticket).tags == {TAG, "urgent", "later"}
    connector.undo(refs[0], receipt)
    assert "later" in account.look(refs[0].ticket).tags


def test_a_tag_that_zendesk_drops_is_not_in_the_receipt(account: Account) -> None:
    connector, refs = arrived(account, 1)
    account.double.drops = {"urgent"}
    assert tag_all(connector, refs, PLAN)[refs[0].key].tags == (TAG,)


def test_properties_that_zendesk_passes_over_stop_the_source(account: Account) -> None:
    connector, refs = arrived(account, 1)
    job = {"job_status": {"id": "V3-0", "status": "queued", "results": None}}
    warning = {"X-Zendesk-API-Warn": '{:unpermitted_keys=>["ticket.additional_tags"]}'}
    account.double.troubles.order(Fault(Reply(200, job, warning)), "PUT", "update_many")
    with pytest.raises(ConfigurationError, match=r"ticket\.additional_tags"):
        tag_all(connector, refs, PLAN)


def test_a_user_who_may_not_change_tickets_stops_the_source(account: Account) -> None:
    connector, refs = arrived(account, 1)
    account.double.scope = "read"
    account.double.tokens.clear()
    with pytest.raises(ConfigurationError):
        tag_all(connector, refs, PLAN)


def test_a_refused_job_is_the_tickets_own_trouble(account: Account) -> None:
    connector, refs = arrived(account, 1)
    account.double.troubles.order(Fault(Reply(422, {"error": "RecordInvalid"})), "PUT", "update_many")
    assert isinstance(tag_all(connector, refs, PLAN)[refs[0].key], RejectedError)


def test_answers_of_agents_are_looked_up_where_zendesk_does_not_count_them(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.speak(int(refs[0].ticket))
    account.double.change(int(refs[1].ticket), status="open")
    account.double.counts = False
    outcomes = tag_all(connector, refs, PLAN)
    assert outcomes[refs[0].key].reason == "answered"
    assert outcomes[refs[1].key].tags == PLAN.tags


def test_a_ticket_that_makes_no_sense_is_rejected_alone(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.tickets[int(refs[0].ticket)].status = "of another time"
    outcomes = tag_all(connector, refs, PLAN)
    assert isinstance(outcomes[refs[0].key], RejectedError)
    assert isinstance(outcomes[refs[1].key], Receipt)


@pytest.mark.parametrize("path", ["job_statuses", "show_many"])
def test_trouble_while_we_look_leaves_the_job_to_itself(account: Account, path: str) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.takes = 1

    def meddle(request: Any) -> None:
        if "job_statuses" in request.path:
            account.double.troubles.order(Fault(Reply(429, b"", {"Retry-After": "7"})), "GET", path)
            account.double.meddle = None

    account.double.meddle = meddle
    outcomes = tag_all(connector, refs, PLAN)
    if path == "show_many":
        assert {(type(o), o.retry_after) for o in outcomes.values()} == {(TransientError, 7)}
    account.double.hour.forward(60)
    again = account.connect()
    for ref in refs:
        done = again.applied(ref, ref.key)
        assert done is not None
        assert not PLAN.minus(done)


def test_jobs_are_begun_only_with_room_for_all_of_them(account: Account) -> None:
    connector, refs = arrived(account, 3)
    account.double.limits["account"].total = 14
    plans = [Triage((f"kind{n}__1",)) for n in range(3)]
    assert connector.check().ok  # the limit is heard of
    with pytest.raises(RateLimited) as caught:
        tag_all(connector, refs, *plans)
    assert job_calls(account) == 0
    account.double.hour.forward(caught.value.retry_after or 0)
    assert {type(outcome) for outcome in tag_all(connector, refs, *plans).values()} == {Receipt}
    assert (job_calls(account), account.double.calls["429"]) == (3, 0)


def test_a_reference_of_another_service_is_rejected_alone(account: Account) -> None:
    connector, refs = arrived(account, 1)
    strange = MessageRef("acme", "x", "first")
    outcomes = tag_all(connector, [strange, *refs], PLAN)
    assert isinstance(outcomes[strange.key], RejectedError)
    assert isinstance(outcomes[refs[0].key], Receipt)


def test_a_job_that_ends_at_the_last_look_is_told(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.takes = 12
    outcomes = tag_all(connector, refs, PLAN)
    assert [outcomes[ref.key].tags for ref in refs] == [PLAN.tags] * 2


def test_a_ticket_that_a_person_solved_before_the_job_came_to_it_is_overtaken(account: Account) -> None:
    connector, refs = arrived(account, 2)
    account.double.job_trouble.takes = 3
    account.double.job_trouble.fails = {int(refs[0].ticket): "DatabaseTimeout"}
    between(account, lambda: account.double.change(int(refs[0].ticket), status="solved"))
    outcomes = tag_all(connector, refs, PLAN)
    assert outcomes[refs[0].key].reason == "solved"
    assert outcomes[refs[1].key].tags == PLAN.tags
