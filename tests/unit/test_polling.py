import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Diagnosis, Finding
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    JournalError,
    ModelError,
    NoRoom,
    Overtaken,
    RateLimited,
    RejectedError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.polling import DONE, INTERNAL, WAITS, gravest, poll
from smartticket_daemon.testing import InMemoryConnector
from tests.desk import Desk, WordClassifier


def test_a_good_round_is_done_and_remembered(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    assert poll(desk.source()) == DONE
    health = desk.journal.health("support")
    assert (health.failing_since, health.failures, health.last_success) == (None, 0, desk.clock())


def test_work_that_waits_for_later_says_so(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", TransientError("later"))
    assert poll(desk.source()) == WAITS
    assert desk.journal.health("support").failing_since is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AccessDenied("no"), 77),
        (ConfigurationError("no"), 78),
        (Unreachable("no"), 69),
        (RateLimited("no", retry_after=5), 75),
        (TransientError("no"), 75),
        (RejectedError("no"), 70),
        (Overtaken("closed"), 70),
        (OSError("a customer's words"), 70),
    ],
)
def test_trouble_with_the_source_is_returned_and_remembered(desk: Desk, error: Exception, code: int) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("fetch", error, times=2)
    assert poll(desk.source()) == code
    began = desk.clock()
    desk.clock.forward(minutes=1)
    assert poll(desk.source()) == code
    health = desk.journal.health("support")
    assert (health.failures, health.failing_since, health.exit_code) == (2, began, code)
    assert health.error
    assert "customer" not in health.error
    desk.clock.forward(minutes=1)
    assert poll(desk.source()) == DONE
    assert desk.journal.health("support").failing_since is None
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_a_cursor_that_stays_expired_is_a_trouble_like_another(desk: Desk) -> None:
    desk.remote.fail("fetch", CursorExpired("gone"), times=2)
    desk.remote.deliver("billing", "Twice.")
    assert poll(desk.source()) == CursorExpired.exit_code


@pytest.mark.parametrize("error", [JournalError("no space left"), ModelError("damaged")])
def test_trouble_with_what_all_sources_share_is_raised(desk: Desk, error: Exception) -> None:
    class Broken(WordClassifier):
        def predict_many(self, pairs: Any) -> Any:
            raise error

    desk.classifier = Broken()
    desk.remote.deliver("billing", "Twice.")
    if isinstance(error, ModelError):
        with pytest.raises(ModelError):
            poll(desk.source())
    else:
        connector = InMemoryConnector("support", desk.settings)
        desk.remote.fail("fetch", error)
        with pytest.raises(JournalError):
            poll(desk.source(connector=connector))


def test_a_wait_that_the_remote_asked_for_is_honoured_by_the_next_process(desk: Desk, tmp_path: Path) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("fetch", RateLimited("slow down", retry_after=120))
    assert poll(desk.source()) == WAITS
    desk.journal.close()
    desk.journal = desk.open("state")
    calls = dict(desk.remote.calls)
    desk.clock.forward(seconds=119)
    assert poll(desk.source()) == WAITS
    assert desk.remote.calls == calls
    desk.clock.forward(seconds=2)
    assert poll(desk.source()) == DONE


def test_where_no_news_may_be_asked_for_what_is_due_is_delivered(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", TransientError("later"))
    assert poll(desk.source()) == WAITS
    desk.clock.forward(minutes=5)
    desk.remote.deliver("billing", "Thrice.")
    desk.remote.fail("fetch", NoRoom("the list's share is used up", retry_after=40))
    assert poll(desk.source()) == WAITS
    assert desk.notes(ticket) == 1
    assert desk.journal.health("support").not_before == desk.clock() + timedelta(seconds=40)


def test_of_two_waits_the_shorter_one_counts(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", TransientError("later"))
    assert poll(desk.source()) == WAITS
    desk.clock.forward(minutes=5)
    desk.remote.deliver("billing", "Thrice.")
    desk.remote.fail("fetch", NoRoom("used up", retry_after=40))
    desk.remote.fail("tags", NoRoom("used up", retry_after=10))
    assert poll(desk.source()) == WAITS
    assert desk.journal.health("support").not_before == desk.clock() + timedelta(seconds=10)


def test_rounds_that_follow_short_waits_ask_for_news_now_and_then(desk: Desk) -> None:
    source = desk.source()
    for text in ("Twice.", "Thrice."):
        desk.remote.deliver("billing", text)
        desk.remote.fail("tags", RateLimited("slow down", retry_after=5))
        assert poll(source) == WAITS
        assert desk.ledger() == {"seen": 1, "pending": 1}
        desk.clock.forward(seconds=6)
    assert poll(source) == DONE
    assert desk.ledger() == {"seen": 1, "applied": 1}
    desk.clock.forward(seconds=1)
    assert poll(source) == DONE
    assert desk.ledger() == {"seen": 2, "applied": 2}


def test_a_wait_that_never_ends_keeps_no_news_away(desk: Desk) -> None:
    source = desk.source()
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", RateLimited("slow down", retry_after=5), times=9)
    poll(source)
    desk.remote.deliver("billing", "Thrice.")
    for _ in range(4):
        desk.clock.forward(seconds=6)
        assert poll(source) == WAITS
    assert desk.ledger() == {"seen": 2, "pending": 2}


def test_a_check_that_is_told_to_wait_was_answered(desk: Desk) -> None:
    class Busy(InMemoryConnector):
        said = Diagnosis(())

        def check(self, routes: Any = ()) -> Diagnosis:
            return self.said

    connector = Busy("support", desk.settings)
    tickets = [desk.remote.deliver("billing", text) for text in ("Twice.", "Thrice.")]
    desk.remote.fail("tags", Unreachable("no answer"))
    source = desk.source(connector=connector)
    source.verified.set()
    connector.said = Diagnosis((Finding(False, "slow down", "wait", RateLimited.exit_code),))
    assert poll(source) == WAITS
    assert [desk.notes(ticket) for ticket in tickets] == [0, 1]


def test_work_that_found_no_room_was_not_begun(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    assert poll(desk.source()) == DONE
    ticket = desk.remote.deliver("billing", "Thrice.")
    desk.remote.fail("tags", NoRoom("used up", retry_after=10))
    assert poll(desk.source()) == WAITS
    work = desk.journal.claim("support", desk.clock(), 120, 1)[0]
    assert (work.ref.ticket, work.attempts, work.doubtful) == (ticket, 1, False)


def test_a_clock_set_back_does_not_prolong_a_wait(desk: Desk) -> None:
    ticket = desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("fetch", RateLimited("slow down", retry_after=120))
    desk.clock.forward(seconds=10 * 365 * 86_400)
    assert poll(desk.source()) == WAITS
    desk.clock.forward(seconds=-10 * 365 * 86_400)
    assert poll(desk.source()) == DONE
    assert desk.notes(ticket) == 1


def test_a_wait_asked_for_while_writing_holds_for_the_whole_source(desk: Desk) -> None:
    tickets = [desk.remote.deliver("billing", f"Text {n}") for n in range(3)]
    desk.remote.fail("tags", RateLimited("slow down", retry_after=120))
    assert poll(desk.source()) == WAITS
    desk.clock.forward(seconds=60)
    assert poll(desk.source()) == WAITS
    assert desk.remote.calls["tags"] == 1
    desk.clock.forward(seconds=61)
    assert poll(desk.source()) == DONE
    assert [desk.notes(ticket) for ticket in tickets] == [1, 1, 1]


def test_being_asked_to_slow_down_is_no_failure_until_nothing_works_for_long(desk: Desk) -> None:
    desk.remote.deliver("billing", "Twice.")
    desk.remote.fail("tags", RateLimited("slow down", retry_after=120))
    assert poll(desk.source()) == WAITS
    assert desk.journal.health("support").failing_since is None
    desk.clock.forward(minutes=3)
    desk.remote.deliver("billing", "Thrice.")
    desk.remote.fail("fetch", RateLimited("slow down", retry_after=120), times=2)
    assert poll(desk.source()) == WAITS
    assert desk.journal.health("support").failing_since is None
    desk.clock.forward(hours=2)
    assert poll(desk.source()) == WAITS
    assert desk.journal.health("support").failing_since == desk.clock()


class Misconfigured(InMemoryConnector):
    finding = Finding(False, "no folder Billing", "create it")

    def check(self, routes: Any = ()) -> Diagnosis:
        return Diagnosis((Finding(True, "signed in"), self.finding))


@pytest.mark.parametrize("code", [78, 77, 69, 75])
def test_a_source_is_checked_before_its_first_round(desk: Desk, code: int) -> None:
    desk.remote.deliver("billing", "Twice.")
    connector = Misconfigured("support", desk.settings)
    connector.finding = Finding(False, "no folder Billing", "create it", code)
    assert poll(desk.source(connector=connector)) == code
    assert "create it" in desk.journal.health("support").error
    assert "fetch" not in desk.remote.calls
    source = desk.source()
    assert [poll(source), poll(source)] == [DONE, DONE]
    assert desk.remote.calls["check"] == 1
    assert poll(desk.source(connector=connector)) == code, "a new process looks again"


def test_the_gravest_code_speaks_for_all() -> None:
    order = [
        AccessDenied.exit_code,
        ConfigurationError.exit_code,
        Unreachable.exit_code,
        INTERNAL,
        WAITS,
        DONE,
    ]
    for first, second in itertools.combinations(order, 2):
        assert gravest([DONE, second, first]) == first
    assert gravest([]) == DONE


def test_after_a_long_outage_everything_is_done(desk: Desk) -> None:
    desk.remote.deliver("billing", "Before.")
    poll(desk.source())
    desk.remote.fail("fetch", Unreachable("no route"), times=100)
    desk.remote.deliver("billing", "During.")
    for _ in range(100):
        assert poll(desk.source()) == Unreachable.exit_code
        desk.clock.forward(minutes=1)
    health = desk.journal.health("support")
    assert health.failures == 100
    assert desk.clock() - (health.failing_since or desk.clock()) == timedelta(minutes=100)
    assert poll(desk.source()) == DONE
    assert desk.journal.health("support").failures == 0
