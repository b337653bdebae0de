"""Plans that only add tags share calls, where the service can do that; each message is settled alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.backfilling import Walk
from smartticket_daemon.domain import Mode
from smartticket_daemon.errors import (
    AccessDenied,
    Overtaken,
    RateLimited,
    RejectedError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.pipeline import deliver
from smartticket_daemon.polling import DONE, poll
from smartticket_daemon.testing import InMemoryConnector, InMemorySettings
from tests.desk import UNSURE, Desk
from tests.unit.test_pipeline_restart import Dies, Mortal
from tests.unit.walks import Patient, backlog

TAG = "category__technical_issue"


@pytest.fixture
def large(tmp_path: Path) -> Desk:
    """A source that is read in batches of ten."""
    desk = Desk(tmp_path, start="now")
    desk.settings = InMemorySettings(remote=desk.remote, start="now", batch=10)
    return desk


def walk(desk: Desk, watcher: Patient | None = None, **source: Any) -> int:
    return Walk(desk.source(Mode.TAG, **source)).run(watcher or Patient(desk))


def tagged(desk: Desk, names: list[str], tag: str = TAG) -> bool:
    return all(desk.tags(name) == {tag} for name in names)


def test_tags_alone_share_a_call_and_routes_do_not(large: Desk) -> None:
    plain = backlog(large, 9, "technical_issue")
    routed = backlog(large, 1, "billing")
    assert walk(large) == DONE
    assert (large.remote.calls["bulk"], large.remote.calls["applied"]) == (1, 1)
    assert tagged(large, plain)
    assert tagged(large, routed, "category__billing")
    assert large.ledger() == {"seen": 10, "applied": 10}
    assert large.journal.find(plain[0])[0].receipt.tags == (TAG,)


def test_what_abstained_shares_calls_too_and_notes_do_not(large: Desk) -> None:
    unsure = backlog(large, 5, "technical_issue 0.5")
    sure = backlog(large, 5, "technical_issue")
    assert Walk(large.source(Mode.SUGGEST)).run(Patient(large)) == DONE
    assert large.remote.calls["bulk"] == 1
    assert tagged(large, unsure, UNSURE)
    assert [large.notes(name) for name in (*unsure, *sure)] == [0] * 5 + [1] * 5


def test_rounds_of_the_daemon_share_nothing(large: Desk) -> None:
    poll(large.source(Mode.TAG))
    large.remote.deliver("technical_issue", "News.")
    assert poll(large.source(Mode.TAG)) == DONE
    assert "bulk" not in large.remote.calls


def test_people_who_got_there_first_win(large: Desk) -> None:
    names = backlog(large, 6, "technical_issue")
    source = large.source(Mode.TAG)
    Walk(source).step(source)
    large.remote.agent_closes(names[0])
    large.remote.agent_tags(names[1], "category__billing")
    large.remote.delete(names[2])
    deliver(source, together=True)
    assert large.ledger() == {"seen": 6, "applied": 3, "skipped": 3}
    assert large.reasons() == {"closed": 1, "human_decided": 1, "deleted": 1}
    assert large.tags(names[1]) == {"category__billing"}


class Picky(InMemoryConnector):
    """Has something to say about some tickets."""

    said: dict[str, Exception]

    def _tagged(self, ref: Any, triage: Any) -> Any:
        return self.said.pop(ref.ticket, None) or super()._tagged(ref, triage)


def picky(desk: Desk, said: dict[str, Exception]) -> Picky:
    connector = Picky("support", desk.settings)
    connector.said = said
    return connector


def test_the_trouble_of_one_is_its_own(large: Desk) -> None:
    names = backlog(large, 6, "technical_issue")
    said = {names[0]: RejectedError("no"), names[1]: TransientError("locked"), names[2]: Overtaken("spam")}
    watcher = Patient(large)
    assert walk(large, watcher, connector=picky(large, said)) == DONE
    assert large.ledger() == {"seen": 6, "applied": 4, "skipped": 1, "quarantined": 1}
    assert tagged(large, [names[1], *names[3:]])
    assert large.remote.calls["applied"] == 1, "the second attempt looks first"


@pytest.mark.parametrize("error", [RateLimited("slow down", retry_after=9), TransientError("not now")])
@pytest.mark.parametrize("after", [False, True])
def test_a_trouble_of_all_leaves_nothing_behind(large: Desk, error: Exception, after: bool) -> None:
    names = backlog(large, 6, "technical_issue")
    large.remote.fail("bulk", error, after=after)
    assert walk(large) == DONE
    assert large.ledger() == {"seen": 6, "applied": 6}
    assert tagged(large, names)
    assert large.journal.quarantined() == []


def test_a_call_that_breaks_off_settles_what_it_told(large: Desk) -> None:
    class Cut(InMemoryConnector):
        def apply_many(self, work: Any) -> Iterator[Any]:
            for number, outcome in enumerate(super().apply_many(work)):
                if number == 2:
                    raise Unreachable("cut off")
                yield outcome

    names = backlog(large, 6, "technical_issue")
    source = large.source(Mode.TAG, connector=Cut("support", large.settings))
    Walk(source).step(source)
    with pytest.raises(Unreachable):
        deliver(source, together=True)
    assert large.ledger() == {"seen": 6, "applied": 2, "pending": 4}
    assert large.journal.due("support", large.clock()) == 4
    assert walk(large) == DONE
    assert tagged(large, names)


def test_one_answer_that_concerns_all_ends_it(large: Desk) -> None:
    names = backlog(large, 6, "technical_issue")
    connector = picky(large, {names[0]: AccessDenied("no right")})
    assert walk(large, connector=connector) == AccessDenied.exit_code
    assert large.ledger() == {"seen": 6, "pending": 6}
    assert walk(large, connector=connector) == DONE
    assert tagged(large, names)


@pytest.mark.parametrize("method", ["claim", "complete", "record_past"])
@pytest.mark.parametrize("after", [False, True])
def test_what_a_dead_process_may_have_tagged_is_looked_up(large: Desk, method: str, after: bool) -> None:
    names = backlog(large, 6, "technical_issue")
    mortal = replace(large.source(Mode.TAG), journal=Mortal(large.journal, method, after=after))
    with pytest.raises(Dies):
        Walk(mortal).run(Patient(large))
    large.clock.forward(minutes=10)
    claimed = (method, after) in (("claim", True), ("complete", False))
    assert walk(large) == DONE
    assert large.ledger() == {"seen": 6, "applied": 6}
    assert tagged(large, names)
    assert large.remote.calls.get("applied", 0) == (6 if claimed else 0)


@pytest.mark.parametrize("deed", ["close", "decide"])
def test_a_person_wins_after_a_crash_too(large: Desk, deed: str) -> None:
    names = backlog(large, 3, "technical_issue")
    with pytest.raises(Dies):
        Walk(replace(large.source(Mode.TAG), journal=Mortal(large.journal, "claim", after=True))).run(
            Patient(large)
        )
    deeds: dict[str, Callable[[], None]] = {
        "close": lambda: large.remote.agent_closes(names[0]),
        "decide": lambda: large.remote.agent_tags(names[0], "category__billing"),
    }
    deeds[deed]()
    large.clock.forward(minutes=10)
    assert walk(large) == DONE
    assert large.ledger() == {"seen": 3, "applied": 2, "skipped": 1}
    assert TAG not in large.tags(names[0])
