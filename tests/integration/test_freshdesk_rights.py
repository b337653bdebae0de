"""Freshdesk with the rights, the key and the set-up that people gave us."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smartticket_daemon.domain import Receipt
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RejectedError,
    SmartTicketError,
)
from tests.doubles.freshdesk import KEY
from tests.doubles.freshdesk_bench import ODD, PLAN, WRITES, Bench, standing
from tests.doubles.server import Fault, Reply

pytest_plugins = ["tests.doubles.freshdesk_fixtures"]


def test_a_ticket_out_of_scope_is_its_own_trouble(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.double.forbidden = {r"/api/v2/tickets/\d+"}
    with pytest.raises(RejectedError, match="scope"):
        connector.apply(ref, PLAN, ref.key)
    bench.double.key = "another"
    with pytest.raises(AccessDenied):
        connector.apply(ref, PLAN, ref.key)


def test_a_key_that_is_replaced_is_taken_up(bench: Bench) -> None:
    connector, ref = bench.one()
    bench.double.key = "another"
    connector.settings.api_key_file.write_text("another\n")
    assert connector.apply(ref, PLAN, ref.key).note_id


def test_the_key_gets_nowhere(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    connector, ref = bench.one()
    said: list[str] = [repr(connector.settings), repr(connector)]
    troubles = [*ODD, Reply(401), Reply(403), Reply(404), Reply(409), Reply(418), Reply(500)]
    echo = {"message": KEY, "description": KEY, "errors": [{"field": KEY, "code": KEY, "message": KEY}]}
    for reply in [*troubles, Reply(500, echo), Reply(403, echo)]:
        bench.double.fail_next(Fault(reply), 3)
        try:
            connector.apply(ref, PLAN, ref.key)
        except SmartTicketError as error:
            said += [str(error), repr(error)]
        bench.double.faults.clear()
    bench.double.fail_next(Fault(Reply(500, echo)), 50)
    said += [repr(connector.check(["Billing"]))]
    bench.double.faults.clear()
    out = capsys.readouterr()
    for text in (*said, out.out, out.err, *map(str, bench.account.tickets.values())):
        assert KEY not in text


def test_check_says_all_that_is_wrong(bench: Bench) -> None:
    connector = bench.connector(category_field="cf_none")
    bench.account.agents[bench.account.agent] = "collaborator"
    findings = connector.check(["Billing", "Nowhere"]).findings
    bad = [finding for finding in findings if not finding.ok]
    assert [f.exit_code for f in bad] == [77, 78, 78]
    assert all(f.mend for f in bad)
    assert any("Nowhere" in f.text for f in bad)
    assert any("100000 requests a minute" in f.text for f in findings)
    bench.double.forbidden = {r"/api/v2/groups"}
    assert 77 in [f.exit_code for f in connector.check(["Elsewhere"]).findings if not f.ok]


def test_an_unknown_route_stops_before_anything_is_written(bench: Bench) -> None:
    connector, ref = bench.one()
    before = len(bench.double.requests)
    with pytest.raises(ConfigurationError, match="no group Nowhere"):
        connector.apply(ref, replace(PLAN, route="Nowhere"), ref.key)
    assert bench.requests(before, *WRITES) == []


def test_groups_that_we_may_not_list_go_by_number(bench: Bench) -> None:
    name = bench.account.deliver("billing 0.9", "Invoice?")
    bench.double.forbidden = {r"/api/v2/groups", r"/api/v2/agents"}
    connector = bench.connector()
    list(connector.fetch(None))
    ref = connector._reader.ref(int(name))
    with pytest.raises(AccessDenied):
        connector.apply(ref, PLAN, ref.key)
    by_number = replace(PLAN, route="67000000010")
    receipt = connector.apply(ref, by_number, ref.key)
    assert (receipt.route, standing(bench, name)[1]) == ("67000000010", "Billing")
    assert next(iter(connector.current([ref]))).group == "67000000010"
    assert connector.applied(ref, ref.key) == receipt
    connector.undo(ref, receipt)
    assert standing(bench, name) == ([], None, 0)


def test_a_name_that_is_no_ticket_is_refused(bench: Bench) -> None:
    connector, ref = bench.one()
    wrong = replace(ref, ticket="../agents")
    for verb in (
        connector.read,
        lambda r: connector.applied(r, r.key),
        lambda r: connector.undo(r, Receipt()),
    ):
        with pytest.raises(RejectedError, match="not one of Freshdesk's"):
            verb(wrong)
    assert not next(iter(connector.current([wrong]))).exists
