"""An earlier attempt left half of its work, and something happened before the other half."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smartticket_daemon.backfilling import Walk
from smartticket_daemon.domain import Batch, Mode, Receipt, Unreadable
from smartticket_daemon.errors import JournalError, RejectedError, TransientError
from smartticket_daemon.pipeline import deliver
from smartticket_daemon.polling import DONE, poll
from smartticket_daemon.replaying import replay
from smartticket_daemon.testing import InMemoryConnector, InMemorySettings
from tests.desk import Desk
from tests.unit.walks import Patient, backlog


class NoteFirst(InMemoryConnector):
    """As where the note stands before the ticket is routed."""

    def applied(self, ref: Any, key: Any) -> Receipt | None:
        found = super().applied(ref, key)
        return found and replace(found, route=None, route_before=None)


class TagsTold(InMemoryConnector):
    """As where tags are known to be ours without a note."""

    def applied(self, ref: Any, key: Any) -> Receipt | None:
        tags = self._remote.tickets[ref.ticket].tags
        return Receipt(tuple(tags)) if tags else None


def test_our_note_stands_though_a_person_was_faster_with_the_rest(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("note", TransientError("no answer"), after=True)
    source = desk.source(connector=NoteFirst("support", desk.settings))
    poll(source)
    assert desk.ledger() == {"seen": 1, "pending": 1}
    desk.remote.agent_closes(ticket)
    desk.clock.forward(hours=1)
    poll(source)
    assert (desk.ledger(), desk.notes(ticket)) == ({"seen": 1, "applied": 1}, 1)
    (record,) = desk.journal.find(ticket)
    assert record.receipt.note_id
    assert record.receipt.route is None


def test_without_a_note_the_persons_deed_is_the_outcome(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("route", TransientError("no answer"))
    source = desk.source(Mode.TAG, connector=TagsTold("support", desk.settings))
    poll(source)
    assert desk.tags(ticket) == {"category__billing"}
    desk.remote.agent_closes(ticket)
    desk.clock.forward(hours=1)
    poll(source)
    assert (desk.ledger(), desk.reasons()) == ({"seen": 1, "skipped": 1}, {"closed": 1})


class Broken:
    """A journal that cannot settle anything as skipped."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def skip(self, *_: Any) -> None:
        raise JournalError("no space left")


def test_a_journal_that_breaks_within_a_shared_call_leaves_the_rest_in_doubt(desk: Desk) -> None:
    desk.settings = InMemorySettings(remote=desk.remote, batch=10)
    names = backlog(desk, 3, "technical_issue")
    source = desk.source(Mode.TAG)
    Walk(source).step(source)
    desk.remote.agent_closes(names[0])
    with pytest.raises(JournalError):
        deliver(replace(source, journal=Broken(desk.journal)), together=True)
    assert desk.journal.due("support", desk.clock()) == 0, "all of it is still claimed"
    desk.clock.forward(hours=1)
    assert Walk(source).run(Patient(desk)) == DONE
    assert desk.ledger() == {"seen": 3, "applied": 2, "skipped": 1}
    assert desk.remote.calls["applied"] == 3, "what may have been done is looked up"


class Unread(InMemoryConnector):
    def fetch(self, cursor: Any) -> Any:
        for batch in super().fetch(cursor):
            yield Batch((), batch.cursor, tuple(Unreadable(m.ref, "too_deep") for m in batch.messages))


def test_what_still_cannot_be_read_stays_in_quarantine(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    poll(desk.source(connector=Unread("support", desk.settings)))
    (item,) = desk.journal.quarantined()
    desk.remote.fail("read", RejectedError("too deep"))
    with pytest.raises(RejectedError, match="too deep"):
        replay(desk.source(), item)
    assert desk.journal.quarantined() == [item]
    assert replay(desk.source(), item)
