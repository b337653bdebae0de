"""Nothing that the connector can send is public: all bodies it can build, all places that send; mutants."""

from __future__ import annotations

import ast
import json
import types
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smartticket_connectors.zendesk as package
from smartticket_connectors.zendesk import change
from smartticket_connectors.zendesk.ticket import Ticket
from smartticket_daemon.domain import Key, Note, Receipt, Status
from tests.doubles.server import Request
from tests.doubles.zendesk_contract import violations

FOLDER = Path(str(package.__file__)).parent
NOW = datetime(2026, 11, 2, tzinfo=UTC)
HEADERS = {"accept": "application/json", "content-type": "application/json"}

names = st.text(st.characters(codec="utf-8"), max_size=20)
tags = st.lists(names, max_size=4).map(tuple)
groups = st.none() | st.integers(1, 2**62)
tickets = st.builds(
    Ticket, id=st.integers(1, 2**62), status=st.sampled_from(Status), begun=st.booleans(), subject=names,
    description=names, tags=tags, group=groups, requester=groups, submitter=groups, created=st.just(NOW),
    updated=st.just(NOW), stamp=st.just("2026-11-02T00:00:00Z"), channel=names, follow_up=st.booleans(),
    conversation=st.booleans(),
)  # fmt: skip
notes = st.none() | st.builds(Note, body=st.text(max_size=200), name=names)
keys = st.text("0123456789abcdef", min_size=32, max_size=32).map(Key)
receipts = st.builds(Receipt, tags=tags, route=st.none() | names, route_before=st.none() | names)


def fault_of(body: dict[str, Any]) -> str:
    """What is wrong with a body, as it goes over the wire; empty when nothing is."""
    raw = json.dumps({"ticket": body})
    request = Request(1, "PUT", "/api/v2/tickets/7", {}, HEADERS, raw.encode())
    if bad := violations(request):
        return bad[0]
    if "comment" in body and raw.count('"public": false') != 1:
        return "the literal is missing"
    return (
        "public"
        if '"public": true' in raw.replace(json.dumps(body.get("comment", {}).get("html_body")), "")
        else ""
    )


@given(tickets, keys, tags, groups, notes)
def test_no_triage_can_be_public(
    ticket: Ticket, key: Key, added: tuple[str, ...], group: int | None, note: Note | None
) -> None:
    body = change.triage_change(ticket, key, added, group, note)
    assert fault_of(body) == ""
    assert ("comment" in body) is (note is not None)
    assert set(ticket.tags) <= set(body.get("tags", ticket.tags))
    assert (body["safe_update"], body["updated_stamp"]) == (True, ticket.stamp)


@given(tickets, keys, receipts, st.none() | st.tuples(groups))
def test_no_undoing_can_be_public(
    ticket: Ticket, key: Key, receipt: Receipt, group: tuple[int | None] | None
) -> None:
    body = change.undo_change(ticket, key, receipt, group)
    assert fault_of(body) == ""
    assert "comment" not in body
    assert body["updated_stamp"] == ticket.stamp


def test_the_question_whether_we_may_write_says_nothing() -> None:
    assert fault_of(change.no_change()) == ""
    assert change.no_change().keys() == {"safe_update", "updated_stamp"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(FOLDER.glob("*.py")):
        yield file.stem, ast.parse(file.read_text("utf-8"))


def test_requests_are_made_in_two_places_and_writes_are_known() -> None:
    """Every call of the session: reads by `_get`, four writes, and no other way to the network."""
    found = []
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                target = ast.unparse(node.func)
                if target.endswith(("session.get", "session.write", "session.follow")):
                    found.append((name, target, ast.unparse(node.args[0])))
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        imported |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        assert imported.isdisjoint(
            {"requests", "urllib", "urllib.request", "urllib3", "http.client", "socket"}
        )
    assert sorted(found) == [
        ("auth", "session.write", "'POST'"),
        ("desk", "self.session.get", "API + path"),
        ("desk", "self.session.write", "'PUT'"),
        ("desk", "self.session.write", "'PUT'"),
        ("desk", "self.session.write", "'PUT'"),
    ]


def test_comments_are_made_in_one_place_and_bodies_come_from_there() -> None:
    for name, tree in trees():
        literals = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        if name != "change":
            assert "comment" not in literals
            assert "html_body" not in literals
        assert "body" not in literals
        assert "plain_body" not in literals
        calls = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and ast.unparse(n.func).endswith(("desk.update", "desk.update_many"))
        ]
        made = {ast.unparse(call.args[1]) for call in calls}
        assert made <= {"change", "no_change()", "bulk_change(plans[0].tags)"}


@given(tags)
def test_many_tickets_get_tags_and_nothing_else(added: tuple[str, ...]) -> None:
    assert change.bulk_change(added) == {"additional_tags": list(added)}


MUTANTS: dict[str, Callable[[str], str]] = {
    "dropped": lambda text: text.replace(', "public": False', ""),
    "true": lambda text: text.replace('"public": False', '"public": True'),
    "none": lambda text: text.replace('"public": False', '"public": None'),
    "zero": lambda text: text.replace('"public": False', '"public": 0'),
    "text": lambda text: text.replace('"public": False', '"public": "false"'),
    "renamed": lambda text: text.replace('"public": False', '"Public": False'),
    "body": lambda text: text.replace('"html_body"', '"body"'),
    "outside": lambda text: text.replace(
        'change["comment"] =', 'change["public"] = True; change["comment"] ='
    ),
    "no stamp": lambda text: text.replace(', "updated_stamp": ticket.stamp', ""),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    source = (FOLDER / "change.py").read_text("utf-8")
    mutated = MUTANTS[name](source)
    assert mutated != source
    mutant = types.ModuleType("mutant")
    exec(compile(mutated, "mutant", "exec"), mutant.__dict__)
    ticket = Ticket(
        7,
        Status.OPEN,
        False,
        "",
        "",
        (),
        None,
        None,
        None,
        NOW,
        NOW,
        "2026-11-02T00:00:00Z",
        "",
        False,
        False,
    )
    body = mutant.triage_change(ticket, Key("0" * 32), ("a",), 1, Note("Hello", "x.en"))
    assert fault_of(body) or body.get("updated_stamp") != ticket.stamp
