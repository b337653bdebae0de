"""The model that judges: picked up when it changes, kept when the new one is no good, one for a batch."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from smartticket_config.settings import CategorySettings, DaemonSettings, ModelSettings, Settings
from smartticket_daemon.assemble import load_decider, load_model, load_replies, watch_model
from smartticket_daemon.errors import ModelError
from smartticket_daemon.judge import Judge
from smartticket_daemon.models import Shelf, Step, read_in_use
from smartticket_daemon.pipeline import ingest
from smartticket_daemon.ports import Entry
from smartticket_model import load
from tests.artifacts import another, renamed
from tests.desk import Desk, WordClassifier, policy


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "state").mkdir()
    return Settings(daemon=DaemonSettings(state_dir=tmp_path / "state"))


@pytest.fixture
def shelf(settings: Settings) -> Shelf:
    return Shelf(settings.daemon.state_dir)


def promote(shelf: Shelf, digest: str | None, folder: Path | None = None) -> None:
    with shelf.held():
        shelf.choose(Step("2026-11-23T10:00:00+00:00", "promote", digest, shelf.judging()), folder)


def events(logs: list[Any]) -> list[str]:
    return [log["event"] for log in logs]


def test_a_promoted_model_is_taken_up_and_a_roll_back_too(
    settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    shipped, mine = load().digest, another(tmp_path / "mine", 1)
    in_use = watch_model(settings, load_replies(settings), noted=True)
    assert in_use().digest == shipped
    with capture_logs() as logs:
        promote(shelf, mine, tmp_path / "mine")
        assert in_use().digest == mine
        assert in_use() is in_use()
        promote(shelf, None)
        assert in_use().digest == shipped
    assert events(logs) == ["model_loaded", "model_loaded"]
    assert logs[0]["digest"] == mine
    told = read_in_use(settings.daemon.state_dir)
    assert told is not None
    assert (told.digest, told.error, told.exit_code) == (shipped, "", 0)


def test_a_model_that_cannot_be_read_is_refused_once_and_the_old_one_stays(
    settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    first, second = another(tmp_path / "1", 1), another(tmp_path / "2", 2)
    promote(shelf, first, tmp_path / "1")
    in_use = watch_model(settings, load_replies(settings), noted=True)
    with capture_logs() as logs:
        promote(shelf, second, tmp_path / "2")
        (shelf.folder_of(second) / "manifest.json").write_bytes(b"{}")
        assert [in_use().digest for _ in range(3)] == [first] * 3
    assert events(logs) == ["model_refused"]
    told = read_in_use(settings.daemon.state_dir)
    assert told is not None
    assert (told.digest, told.exit_code) == (first, 78)
    assert "train it again" in told.error
    promote(shelf, second, tmp_path / "2")
    assert in_use().digest == second
    mended = read_in_use(settings.daemon.state_dir)
    assert mended is not None
    assert (mended.digest, mended.exit_code) == (second, 0)


def test_a_model_that_does_not_fit_the_settings_is_refused(
    shelf: Shelf, tmp_path: Path, settings: Settings
) -> None:
    settings = Settings(daemon=settings.daemon, categories={"billing": CategorySettings(route="Billing")})
    in_use = watch_model(settings, load_replies(settings), noted=True)
    shipped = in_use().digest
    promote(shelf, renamed(tmp_path / "odd"), tmp_path / "odd")
    assert in_use().digest == shipped
    told = read_in_use(settings.daemon.state_dir)
    assert told is not None
    assert "[categories.billing]" in told.error


def test_going_back_to_the_model_at_work_ends_the_alarm(
    settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    in_use = watch_model(settings, load_replies(settings), noted=True)
    before = in_use()
    promote(shelf, another(tmp_path / "1", 1), tmp_path / "1")
    (shelf.current / "manifest.json").unlink()
    assert in_use() is before
    promote(shelf, None)
    with capture_logs() as logs:
        assert in_use().digest == before.digest
    assert events(logs) == []
    told = read_in_use(settings.daemon.state_dir)
    assert told is not None
    assert told.error == ""


def test_the_first_model_must_be_usable(settings: Settings, shelf: Shelf, tmp_path: Path) -> None:
    promote(shelf, another(tmp_path / "1", 1), tmp_path / "1")
    (shelf.current / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"manifest\.json"):
        watch_model(settings, load_replies(settings), noted=True)
    told = read_in_use(settings.daemon.state_dir)
    assert told is not None
    assert told.exit_code == 78


def test_a_model_trained_again_in_the_settings_own_folder_is_taken_up(
    tmp_path: Path, settings: Settings
) -> None:
    folder = tmp_path / "mine"
    first = another(folder, 1)
    settings = Settings(daemon=settings.daemon, model=ModelSettings(path=folder))
    in_use = watch_model(settings, load_replies(settings), noted=False)
    assert in_use().digest == first
    assert in_use().digest == first != (second := another(folder, 2))
    assert in_use().digest == second
    assert read_in_use(settings.daemon.state_dir) is None


def test_the_settings_may_name_current_before_there_is_one(
    tmp_path: Path, settings: Settings, shelf: Shelf
) -> None:
    settings = Settings(daemon=settings.daemon, model=ModelSettings(path=shelf.current))
    assert load_model(settings).digest == load().digest
    mine = another(tmp_path / "mine", 1)
    promote(shelf, mine, tmp_path / "mine")
    assert load_model(settings).digest == mine


def test_a_decision_is_explained_by_the_model_that_made_it(
    settings: Settings, shelf: Shelf, tmp_path: Path
) -> None:
    first, second = another(tmp_path / "1", 1), another(tmp_path / "2", 2)
    promote(shelf, first, tmp_path / "1")
    promote(shelf, second, tmp_path / "2")
    for digest in (first, second, load().digest):
        assert load_decider(settings, digest).digest == digest
    with pytest.raises(ModelError, match="not here any more"):
        load_decider(settings, "0" * 64)


def test_a_note_that_cannot_be_written_keeps_nobody_from_judging(tmp_path: Path, settings: Settings) -> None:
    settings = Settings(daemon=DaemonSettings(state_dir=tmp_path / "missing"))
    with capture_logs() as logs:
        in_use = watch_model(settings, load_replies(settings), noted=True)
    assert in_use().digest == load().digest
    assert events(logs) == ["model_note_not_written"]


class Numbered(WordClassifier):
    """One of many models, told apart by its digest."""

    def __init__(self, number: int) -> None:
        self.digest = f"{number:064x}"


class Batches:
    """A journal that remembers what was recorded together."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.seen: list[list[Entry]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def record(self, source: str, entries: list[Entry], *rest: Any) -> Any:
        self.seen.append(entries)
        return self._journal.record(source, entries, *rest)


def test_each_batch_has_one_model_and_the_policy_that_goes_with_it(desk: Desk) -> None:
    """Whoever asks for the model gets another one each time, as if one were promoted every moment."""
    numbers = count(1)

    def renew(judge: Judge) -> Judge:
        number = next(numbers)
        return replace(
            judge, classifier=lambda: Numbered(number), policy=policy(unsure_tag=f"unsure_{number}")
        )

    for number in range(40):
        desk.remote.deliver("billing 0.1", "body", ticket=f"t{number}")
    batches: Any = Batches(desk.journal)
    ingest(replace(desk.source(), renew=renew, journal=batches))
    # The first look is that of the round, before there is any batch.
    found = [{(entry.model, entry.triage.tags) for entry in batch} for batch in batches.seen if batch]
    assert len(found) == 20
    assert found == [{(f"{n:064x}", (f"unsure_{n}",))} for n in range(2, 22)]
