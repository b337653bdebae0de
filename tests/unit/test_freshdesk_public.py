"""No request that the freshdesk connector can build shows a customer anything."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smartticket_connectors.freshdesk import FreshdeskConnector, api, connector
from smartticket_connectors.freshdesk.api import Api
from smartticket_daemon.domain import Message, Note, Receipt, Triage
from smartticket_daemon.errors import ConfigurationError, SmartTicketError
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_contract import is_public, violation
from tests.doubles.freshdesk_desk import FreshdeskHarness, settings_for

SOURCE = Path(api.__file__)
PLAN = Triage(("category__billing",), "Billing", Note("Hello", "billing.en"))


@pytest.fixture
def double() -> Iterator[FreshdeskDouble]:
    with FreshdeskDouble() as double:
        yield double


def templates(tree: ast.AST) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Method, path and body of each `session.write(...)`, a number in the path as 7."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "write":
            method, path, *body = node.args
            assert isinstance(method, ast.Constant), "the method is written out"
            assert isinstance(path, ast.JoinedStr), "the path is written out"
            yield str(method.value), "".join(map(part, path.values)), body[0] if body else None


def part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    assert isinstance(value, ast.FormattedValue)
    if isinstance(value.value, ast.Name) and value.value.id == "_ROOT":
        return "/api/v2"
    spec = value.format_spec
    assert isinstance(spec, ast.JoinedStr)
    assert [getattr(c, "value", "") for c in spec.values] == ["d"], "whatever fills a path is a number"
    return "7"


def test_requests_are_made_in_one_place() -> None:
    for file in SOURCE.parent.glob("*.py"):
        text = file.read_text("utf-8")
        if file != SOURCE:
            assert "session.write" not in text
            assert "session.get" not in text
            assert "session.follow" not in text
            assert "requests" not in [a.name for n in ast.walk(ast.parse(text)) for a in names(n)]


def names(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


def test_the_writes_that_exist_are_these_and_private() -> None:
    written = list(templates(ast.parse(SOURCE.read_text("utf-8"))))
    assert sorted((method, path) for method, path, _ in written) == [
        ("DELETE", "/api/v2/conversations/7"),
        ("POST", "/api/v2/tickets/7/notes"),
        ("PUT", "/api/v2/tickets/7"),
    ]
    assert SOURCE.read_text("utf-8").count("session.write(") == len(written)


class Tape:
    """Stands where the session is and notes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def write(self, method: str, path: str, body: Any = None, *, endpoint: str = "") -> Any:
        self.sent.append((method, path, body))
        return type("Answer", (), {"json": lambda self: {}})()


@pytest.mark.parametrize("number", [1, 67_000_000_000])
@pytest.mark.parametrize("html", ["<p>x</p>", "x" * 100_000, '"private": false', "{{ticket}}"])
def test_every_write_is_within_the_contract(tmp_path: Path, number: int, html: str) -> None:
    tape = Tape()
    writer = Api.__new__(Api)
    writer.session = tape  # type: ignore[assignment]
    writer.note(number, html)
    writer.update(number, {"tags": ["a"], "group_id": None})
    writer.update(number, {"custom_fields": {"cf_triage": None}})
    writer.delete_note(number)
    assert [violation(m, p, {}, b) for m, p, b in tape.sent] == [None] * 4
    assert not any(is_public(m, p, b) for m, p, b in tape.sent)


def test_the_contract_knows_what_is_public() -> None:
    notes = "/api/v2/tickets/7/notes"
    public: list[tuple[str, str, Any]] = [
        ("POST", notes, {"body": "x"}),
        ("POST", notes, {"body": "x", "private": False}),
        ("POST", notes, {"body": "x", "private": "true"}),
        ("POST", notes, {"body": "x", "private": 1}),
        ("POST", notes, {"body": "x", "private": True, "notify_emails": ["a@b.example"]}),
        ("POST", notes, {"body": "x", "private": True, "incoming": True}),
        ("POST", "/api/v2/tickets/7/reply", {"body": "x"}),
        ("POST", "/api/v2/tickets/7/forward", {"body": "x", "private": True}),
        ("POST", "/api/v2/tickets/outbound_email", {"description": "x"}),
        ("PUT", "/api/v2/tickets/7", {"status": 4}),
        ("PUT", "/api/v2/conversations/7", {"body": "x"}),
    ]
    assert [is_public(*request) for request in public] == [True] * len(public)
    assert all(violation(method, path, {}, body) for method, path, body in public)


MUTANTS = [
    ('{"body": html, "private": True}', '{"body": html}'),
    ('"private": True', '"private": False'),
    ('"private": True', '"private": None'),
    ('"private": True', '"private": "true"'),
    ('"private": True', '"private": 1'),
    ('"private": True', '"Private": True'),
    ('"private": True', '"private": not html'),
    ('"private": True', '"private": True, "incoming": True'),
    ('"private": True', '"private": True, "notify_emails": ["ann@customer.example"]'),
    ("/notes", "/reply"),
    ("/notes", "/forward"),
    ("dict(change)", '{**change, "status": 4}'),
    ("dict(change)", '{**change, "description": "x"}'),
]


def carried_out(double: FreshdeskDouble, folder: Path) -> FreshdeskConnector:
    double.account.deliver("Question", "Where is my invoice?")
    source = FreshdeskConnector("mutant", settings_for(double, folder))
    (message,) = [m for batch in source.fetch(None) for m in batch.messages]
    source.apply(message.ref, PLAN, message.ref.key)
    return source


def test_unchanged_it_is_clean(double: FreshdeskDouble, tmp_path: Path) -> None:
    carried_out(double, tmp_path)
    assert double.violations == []
    assert FreshdeskHarness(double, tmp_path).public() == 0


@pytest.mark.parametrize(("before", "after"), MUTANTS)
def test_mutants_are_caught(
    before: str, after: str, double: FreshdeskDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SOURCE.read_text("utf-8")
    assert before in text
    mutant = ModuleType("mutant")
    exec(compile(text.replace(before, after), "mutant", "exec"), mutant.__dict__)
    monkeypatch.setattr(connector, "Api", mutant.Api)
    with contextlib.suppress(SmartTicketError):
        carried_out(double, tmp_path)
    assert double.violations
    assert FreshdeskHarness(double, tmp_path).public() > 0


def one(double: FreshdeskDouble, folder: Path) -> tuple[FreshdeskConnector, Message]:
    double.account.deliver("Question", "Where is my invoice?")
    source = FreshdeskConnector("support", settings_for(double, folder))
    return source, next(m for batch in source.fetch(None) for m in batch.messages)


def test_a_note_that_comes_out_public_is_deleted_and_stops_the_source(
    double: FreshdeskDouble, tmp_path: Path
) -> None:
    source, message = one(double, tmp_path)
    double.publishes = True
    with pytest.raises(ConfigurationError, match="deleted at once"):
        source.apply(message.ref, PLAN, message.ref.key)
    assert double.account.ticket(1).conversations == []
    sent = len(double.requests)
    source.close()
    with pytest.raises(ConfigurationError, match="public"):
        source.apply(message.ref, PLAN, message.ref.key)
    with pytest.raises(ConfigurationError, match="public"):
        source.undo(message.ref, Receipt())
    assert len(double.requests) == sent, "nothing is written any more"
    assert not source.check().ok


def test_a_public_note_that_cannot_be_deleted_is_told(double: FreshdeskDouble, tmp_path: Path) -> None:
    source, message = one(double, tmp_path)
    double.publishes = True
    double.forbidden = {r"/api/v2/conversations/\d+"}
    with pytest.raises(ConfigurationError, match="by hand"):
        source.apply(message.ref, PLAN, message.ref.key)


@pytest.mark.parametrize("verb", ["applied", "apply"])
def test_our_own_note_found_public_later_is_taken_away(
    verb: str, double: FreshdeskDouble, tmp_path: Path
) -> None:
    source, message = one(double, tmp_path)
    source.apply(message.ref, PLAN, message.ref.key)
    double.account.ticket(1).conversations[0].private = False
    arguments = (message.ref, message.ref.key) if verb == "applied" else (message.ref, PLAN, message.ref.key)
    with pytest.raises(ConfigurationError, match="public"):
        getattr(source, verb)(*arguments)
    assert double.account.ticket(1).conversations == []
