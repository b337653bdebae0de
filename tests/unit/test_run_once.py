"""run_once(): one round of every source; and no two at once on one state."""

from dataclasses import replace
from pathlib import Path

import pytest

from smartticket_daemon.errors import JournalError, ModelError, StateHeld, Unreachable
from smartticket_daemon.journal import hold_state
from smartticket_daemon.pipeline import Source
from smartticket_daemon.runner import run_once
from tests.desk import Desk
from tests.unit.daemons import Closes, several


def test_one_round_of_every_source(desk: Desk) -> None:
    desk.remote.deliver("technical_issue", "It broke.")
    assert run_once([desk.source()]) == 0
    assert desk.ledger() == {"seen": 1, "applied": 1}


def test_nothing_to_run_is_done() -> None:
    assert run_once([]) == 0


def test_a_broken_source_does_not_stop_the_others(desk: Desk) -> None:
    bad = Closes("bad", desk.settings.model_copy(update={"password": "wrong"}))
    good = desk.source()
    desk.remote.deliver("technical_issue", "It broke.")
    assert run_once([replace(good, name="bad", connector=bad), good]) == 78
    assert desk.ledger() == {"seen": 1, "applied": 1}
    assert desk.journal.health("bad").error == "the password is wrong - set the right password"
    assert bad.closed


def test_the_gravest_code_is_returned(desk: Desk) -> None:
    codes = {"a": 75, "b": 69, "c": 0}
    assert run_once(several(desk, "a b c"), lambda source: codes[source.name]) == Unreachable.exit_code


@pytest.mark.parametrize("error", [JournalError("full"), ModelError("damaged")])
def test_what_all_sources_share_ends_the_run_after_the_others_are_done(desk: Desk, error: Exception) -> None:
    done: list[str] = []

    def work(source: Source) -> int:
        if source.name == "a":
            raise error
        done.append(source.name)
        return 0

    sources = several(desk, "a b c")
    with pytest.raises(type(error)):
        run_once(sources, work)
    assert sorted(done) == ["b", "c"]
    assert all(source.connector.closed for source in sources)  # type: ignore[attr-defined]


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    with hold_state(tmp_path), pytest.raises(StateHeld, match=str(tmp_path)), hold_state(tmp_path):
        pass
    with hold_state(tmp_path):
        pass
