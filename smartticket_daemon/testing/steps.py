"""Steps that the tests of ConnectorContract are made of."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from smartticket_daemon.domain import Capability, Cursor, Message, MessageRef, Note, Receipt, Triage
from smartticket_daemon.ports import Connector, Undoes
from smartticket_daemon.testing.remote import Connect, Remote

NOTE = Note("Hello Ann,\n\nwe look into it: grün, 請求書, <b>not bold</b>, {{ no.code }}.", "billing.en")
TAG = "category__billing"


def deliver(remote: Remote, count: int) -> list[str]:
    """So many first messages; returns their tickets."""
    return [remote.deliver(f"Question {n}", f"This is the body of {n}.") for n in range(count)]


def fetch(connector: Connector, cursor: Cursor | None) -> tuple[list[Message], Cursor | None]:
    """Everything after `cursor`, and the last cursor."""
    messages: list[Message] = []
    for batch in connector.fetch(cursor):
        assert batch.unreadable == ()
        messages += batch.messages
        cursor = batch.cursor
    return messages, cursor


def tickets(messages: Iterable[Message]) -> list[str]:
    """Their tickets, in order."""
    return [message.ref.ticket for message in messages]


def messages_of(remote: Remote, connect: Connect, count: int) -> list[MessageRef]:
    """So many new messages, fetched."""
    names = deliver(remote, count)
    by_ticket = {m.ref.ticket: m.ref for m in fetch(connect(), None)[0]}
    return [by_ticket[name] for name in names]


def one(remote: Remote, connect: Connect) -> MessageRef:
    """One new message, fetched."""
    return messages_of(remote, connect, 1)[0]


def at(ref: MessageRef, receipt: Receipt) -> MessageRef:
    """Where the message lies after the change."""
    return replace(ref, position=receipt.position or ref.position)


def carry_out(connector: Connector, ref: MessageRef, plan: Triage) -> None:
    """A doubtful attempt: look, then do what is left."""
    found = connector.applied(ref, ref.key) or Receipt()
    if left := plan.minus(found):
        connector.apply(at(ref, found), left, ref.key)


def undoer(remote: Remote, connect: Connect) -> Any:
    """A connector with the capability, or a skip by name."""
    connector = connect()
    if Capability.UNDO not in connector.capabilities:
        pytest.skip(f"{remote.connector.kind} cannot undo")
    assert isinstance(connector, Undoes)
    return connector


def act(remote: Remote, deed: str, ticket: str) -> None:
    """A person does something that ends our business with the ticket."""
    deeds: dict[str, Callable[[], None]] = {
        "close": lambda: remote.agent_closes(ticket),
        "answer": lambda: remote.agent_answers(ticket),
        "decide": lambda: remote.agent_tags(ticket, "category__refund_cancellation"),
        "delete": lambda: remote.delete(ticket),
    }
    deeds[deed]()


_watchers = threading.local()
_IO = ("open", "socket.", "os.", "subprocess.", "sqlite3.", "shutil.", "ctypes.")


@contextmanager
def watched_io() -> Iterator[list[str]]:
    """The audit events of this thread that mean input or output."""
    if not hasattr(watched_io, "installed"):
        sys.addaudithook(_note_io)
        watched_io.installed = True  # type: ignore[attr-defined]
    _watchers.events = []
    try:
        yield _watchers.events
    finally:
        _watchers.events = None


def _note_io(event: str, _: tuple[Any, ...]) -> None:
    events = getattr(_watchers, "events", None)
    if events is not None and event.startswith(_IO):
        events.append(event)
