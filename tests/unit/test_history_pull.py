"""A training file from solved tickets: which, how they look in it, and how it goes on."""

from __future__ import annotations

import gzip
import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Author, Status
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    CursorExpired,
    DataError,
    RateLimited,
    StateHeld,
    Unreachable,
)
from smartticket_daemon.history.labels import Labels, Place
from smartticket_daemon.history.pulling import Pull
from smartticket_daemon.history.recalling import recall
from smartticket_daemon.history.training_file import Reached, TrainingFile
from smartticket_daemon.polling import poll
from tests.desk import START, Desk, policy

TAGS = Labels(Place.TAG, "category__", policy())


class Puller:
    """Runs as one process after the other would."""

    def __init__(self, desk: Desk, file: Path) -> None:
        self.desk = desk
        self.path = file
        self.waits: list[tuple[datetime, str]] = []

    def wait(self, until: datetime, reason: str) -> None:
        self.waits.append((until, reason))
        self.desk.clock.now = max(until, self.desk.clock.now)

    def run(
        self, labels: Labels = TAGS, since: datetime | None = None, limit: int | None = None, **source: Any
    ) -> Reached:
        file = TrainingFile(self.path)
        job = Pull(self.desk.source(**source), labels, file, since, limit)
        with file.opened(job.wanted) as job.reached:
            job.run(lambda _: None, self.wait)
        return job.reached

    def rows(self) -> list[dict[str, str]]:
        data = self.path.read_bytes()
        text = gzip.decompress(data) if self.path.suffix == ".gz" else data
        return [json.loads(line) for line in text.splitlines()]

    def bodies(self) -> list[str]:
        return [row["body"] for row in self.rows()]


@pytest.fixture
def puller(late: Desk, tmp_path: Path) -> Puller:
    return Puller(late, tmp_path / "tickets.jsonl")


def solved(desk: Desk, count: int, tag: str = "category__billing", **fields: Any) -> list[str]:
    """Tickets of the last hours, the oldest first, with an agent's tag."""
    names = []
    for n in range(count):
        created = START - timedelta(hours=count - n)
        given = {
            "number": str(100 + len(desk.remote.tickets)),
            "created": created,
            "sender": f"c{n % 3}@customer.example",
            **fields,
        }
        names.append(desk.remote.deliver(f"Subject {n}", f"Text {n}", **given))
        desk.remote.agent_tags(names[-1], tag)
        desk.remote.agent_closes(names[-1], Status.SOLVED)
    return names


def test_a_row_has_all_that_training_takes_and_no_address(puller: Puller) -> None:
    solved(puller.desk, 4)
    reached = puller.run()
    assert (reached.read, reached.written, reached.left_out, reached.finished) == (4, 4, {}, True)
    rows = puller.rows()
    assert rows[0] == {
        "id": "103", "subject": "Subject 3", "body": "Text 3", "label": "billing", "group": rows[3]["group"],
        "created": (START - timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    assert [row["id"] for row in rows] == ["103", "102", "101", "100"]
    assert len({row["group"] for row in rows}) == 3
    assert "customer.example" not in puller.path.read_text()
    for file in (puller.path, puller.path.with_name("tickets.jsonl.state")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_ticket_that_is_left_out_has_a_reason(puller: Puller) -> None:
    desk = puller.desk
    solved(desk, 1)
    (both,) = solved(desk, 1)
    desk.remote.agent_tags(both, "category__technical_issue")
    (open_,) = solved(desk, 1)
    desk.remote.agent_closes(open_, Status.OPEN)
    for status in (Status.DELETED, Status.SPAM, Status.MERGED):
        desk.remote.agent_closes(*solved(desk, 1), status)
    solved(desk, 1, "vip")
    solved(desk, 1, author=Author.AGENT)
    solved(desk, 1, headers=(("auto-submitted", "auto-replied"),))
    empty = desk.remote.deliver(" ", "", number="9")
    desk.remote.agent_closes(empty)
    reached = puller.run()
    assert reached.written == 1
    assert reached.left_out == {
        "several_labels": 1, "not_solved": 1, "deleted": 1, "spam": 1, "merged": 1, "no_label": 1,
        "agent": 1, "auto_reply": 1, "empty": 1,
    }  # fmt: skip


def test_a_mail_has_no_state_so_its_label_is_enough(puller: Puller) -> None:
    name = puller.desk.remote.deliver("Subject", "Text")
    puller.desk.remote.agent_tags(name, "category__billing")
    assert puller.run().written == 1
    assert puller.rows()[0]["id"] == name


def test_our_own_tag_is_nobodys_label_unless_a_person_changed_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    untouched, changed, added = (desk.remote.deliver("billing", f"Text {n}", number=str(n)) for n in range(3))
    assert poll(desk.source()) == 0
    desk.remote.tickets[changed].tags.discard("category__billing")
    desk.remote.agent_tags(changed, "category__technical_issue")
    desk.remote.agent_tags(added, "category__refund_cancellation")
    for name in (untouched, changed, added):
        desk.remote.agent_closes(name)
    puller = Puller(desk, tmp_path / "tickets.jsonl")
    assert puller.run().left_out == {"our_own_label": 1}
    assert {row["body"]: row["label"] for row in puller.rows()} == {
        "Text 1": "technical_issue", "Text 2": "refund_cancellation",
    }  # fmt: skip


def test_groups_and_fields_are_written_by_the_categories_name_where_they_stand_for_one(
    puller: Puller,
) -> None:
    first, second = solved(puller.desk, 2, fields=(("Reason", "Technical issue"),))
    puller.desk.remote.agent_routes(first, "billing")
    puller.desk.remote.agent_routes(second, "Tier 2")
    puller.run(Labels(Place.GROUP, "", policy()))
    assert [row["label"] for row in puller.rows()] == ["Tier 2", "billing"]
    puller.path = puller.path.with_name("others.jsonl")
    puller.run(Labels(Place.FIELD, "reason", policy()))
    assert [row["label"] for row in puller.rows()] == ["technical_issue"] * 2


@pytest.mark.parametrize("name", ["whole.jsonl", "whole.jsonl.gz"])
def test_in_slices_no_ticket_is_written_twice(puller: Puller, name: str) -> None:
    solved(puller.desk, 5)
    solved(puller.desk, 2, "vip")
    puller.path = puller.path.with_name(name)
    finished = [puller.run(limit=limit).finished for limit in (1, 2, 1, 9)]
    assert finished == [False, False, False, True]
    assert sorted(puller.bodies()) == [f"Text {n}" for n in range(5)]
    assert puller.run() == puller.run()
    assert puller.run().left_out == {"no_label": 2}


def test_what_a_killed_process_added_after_its_last_note_is_cut_off(puller: Puller) -> None:
    solved(puller.desk, 6)
    reached = puller.run(limit=4)
    with puller.path.open("ab") as file:
        file.write(b'{"id": "101", "sub')
    assert not reached.finished
    assert puller.run().written == 6
    assert puller.bodies() == [f"Text {n}" for n in range(5, -1, -1)]


def test_a_stop_between_two_batches_is_kept(puller: Puller) -> None:
    solved(puller.desk, 5)
    answers = iter([False, True])
    reached = puller.run(stopping=lambda: next(answers, True))
    assert (reached.written, reached.finished) == (2, False)
    assert puller.run().written == 5


def test_waits_are_kept_and_failures_in_a_row_are_raised(puller: Puller) -> None:
    desk = puller.desk
    solved(desk, 3)
    desk.remote.fail("past", RateLimited("slow down", retry_after=90))
    desk.remote.fail("past", Unreachable("no answer"))
    assert puller.run().finished
    assert puller.waits == [
        (START + timedelta(seconds=90), "limit of the account"),
        (START + timedelta(seconds=120), "no answer"),
    ]
    desk.remote.fail("past", Unreachable("no answer"), times=5)
    puller.path = puller.path.with_name("others.jsonl")
    with pytest.raises(Unreachable):
        puller.run()
    assert puller.run().written == 3


def test_a_wait_that_an_earlier_process_was_asked_for_is_kept(late: Desk) -> None:
    late.remote.fail("fetch", RateLimited("slow down", retry_after=600))
    poll(late.source())
    waits: list[datetime] = []
    list(recall(late.source(), None, None, lambda until, _: waits.append(until)))
    assert waits == [START + timedelta(seconds=600)]


def test_refused_access_is_no_matter_of_patience(puller: Puller) -> None:
    puller.desk.remote.fail("past", AccessDenied("the password is wrong"))
    with pytest.raises(AccessDenied):
        puller.run()
    assert puller.waits == []


def test_a_cursor_that_means_nothing_any_more_begins_anew_and_writes_nothing_twice(puller: Puller) -> None:
    solved(puller.desk, 5)
    puller.run(limit=2)
    puller.desk.remote.fail("past", CursorExpired("gone"))
    reached = puller.run()
    assert (reached.written, reached.finished) == (5, True)
    assert puller.bodies() == [f"Text {n}" for n in range(4, -1, -1)]


def test_since_ends_it(puller: Puller) -> None:
    solved(puller.desk, 5)
    assert puller.run(since=START - timedelta(hours=2)).written == 2


# Files that are not ours to write


def test_a_file_that_was_begun_otherwise_is_refused(puller: Puller) -> None:
    solved(puller.desk, 3)
    puller.run(limit=1)
    with pytest.raises(ConfigurationError, match=r"begun with source support, label tag category__\*"):
        puller.run(Labels(Place.GROUP, "", policy()))
    with pytest.raises(ConfigurationError, match="begun with"):
        puller.run(since=START)


def test_a_file_that_stands_there_is_never_written_over(puller: Puller) -> None:
    puller.path.write_text("mine\n")
    with pytest.raises(DataError, match="there already"):
        puller.run()
    assert puller.path.read_text() == "mine\n"


def test_a_link_is_not_followed(puller: Puller, tmp_path: Path) -> None:
    puller.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot write"):
        puller.run()
    assert not (tmp_path / "elsewhere").exists()


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def spoil_the_note(path: Path) -> None:
    path.with_name(f"{path.name}.state").write_text("{")


def spoil_a_row(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("damage", [shorten, spoil_the_note, spoil_a_row])
def test_a_damaged_file_is_refused(puller: Puller, damage: Callable[[Path], None]) -> None:
    solved(puller.desk, 3)
    puller.run(limit=2)
    damage(puller.path)
    with pytest.raises(DataError, match="begin anew"):
        puller.run()


def test_two_at_once_are_one_too_many(puller: Puller) -> None:
    first, second = TrainingFile(puller.path), TrainingFile(puller.path)
    with first.opened({}), pytest.raises(StateHeld, match="another process"), second.opened({}):
        pass


def test_nothing_is_written_at_the_source(puller: Puller) -> None:
    solved(puller.desk, 5)
    puller.run()
    assert set(puller.desk.remote.calls) == {"past"}
    assert puller.desk.ledger() == {}
