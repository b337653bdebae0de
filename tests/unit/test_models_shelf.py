"""Promoted models on the disk: their history, their way back, and one change at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_daemon.errors import ConfigurationError, ModelError, StateHeld
from smartticket_daemon.models import Shelf, Step
from smartticket_model import load
from tests.artifacts import another


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state")


@pytest.fixture
def digests(tmp_path: Path) -> list[str]:
    """Three artifacts in folders `0`, `1` and `2`."""
    return [another(tmp_path / str(number), number) for number in range(3)]


def promote(shelf: Shelf, digest: str | None, folder: Path | None = None) -> None:
    with shelf.held():
        shelf.choose(Step("2026-11-23T10:00:00+00:00", "promote", digest, shelf.judging()), folder)


def roll_back(shelf: Shelf) -> None:
    with shelf.held():
        digest = shelf.registry().line()[-2]
        shelf.choose(Step("2026-11-23T11:00:00+00:00", "rollback", digest, shelf.judging()))


def test_before_anything_was_promoted_the_shipped_default_judges(shelf: Shelf) -> None:
    assert shelf.judging() is None
    assert shelf.registry().line() == [None]
    assert not shelf.folder.exists()


def test_an_artifact_is_kept_as_it_was_written(shelf: Shelf, tmp_path: Path, digests: list[str]) -> None:
    (tmp_path / "0" / "MODEL_CARD.md").write_text("A model of mine.", "utf-8")
    (tmp_path / "0" / "report.html").write_text("Its report, with examples.", "utf-8")
    promote(shelf, digests[0], tmp_path / "0")
    kept = shelf.folder / digests[0][:12]
    assert shelf.current.resolve() == kept.resolve()
    assert load(shelf.current, digest=digests[0]).digest == digests[0]
    originals = {f.name: f.read_bytes() for f in (tmp_path / "0").iterdir() if f.name != "report.html"}
    assert {f.name: f.read_bytes() for f in kept.iterdir()} == originals
    known = shelf.registry().model(digests[0])
    assert known is not None
    assert known.origin == str(tmp_path / "0")
    assert known.rows > 0
    assert 0.5 < known.metrics["accuracy"] <= 1


def test_roll_backs_go_back_one_by_one_to_the_shipped_default(
    shelf: Shelf, tmp_path: Path, digests: list[str]
) -> None:
    for number, digest in enumerate(digests):
        promote(shelf, digest, tmp_path / str(number))
    seen = [shelf.judging()]
    while len(shelf.registry().line()) > 1:
        roll_back(shelf)
        seen.append(shelf.judging())
    assert seen == [*reversed(digests), None]
    assert not shelf.current.exists()
    promote(shelf, digests[1])
    assert shelf.registry().line() == [None, digests[1]]
    assert [s.command for s in shelf.registry().steps] == ["promote"] * 3 + ["rollback"] * 3 + ["promote"]


def test_what_judges_already_is_no_further_step_back(
    shelf: Shelf, tmp_path: Path, digests: list[str]
) -> None:
    for _ in range(3):
        promote(shelf, digests[0], tmp_path / "0")
    roll_back(shelf)
    assert shelf.judging() is None


def test_a_damaged_copy_is_replaced_when_its_model_is_promoted_again(
    shelf: Shelf, tmp_path: Path, digests: list[str]
) -> None:
    promote(shelf, digests[0], tmp_path / "0")
    (shelf.current / "manifest.json").write_bytes(b"{}")
    promote(shelf, digests[0], tmp_path / "0")
    assert load(shelf.current).digest == digests[0]


def test_a_damaged_artifact_changes_nothing(shelf: Shelf, tmp_path: Path, digests: list[str]) -> None:
    promote(shelf, digests[0], tmp_path / "0")
    array = max((tmp_path / "1").glob("*.bin"), key=lambda file: file.stat().st_size)
    array.write_bytes(array.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ModelError):
        promote(shelf, digests[1], tmp_path / "1")
    assert shelf.judging() == digests[0]
    assert [step.digest for step in shelf.registry().steps] == [digests[0]]
    assert not shelf.folder_of(digests[1]).exists()


def test_one_change_at_a_time(shelf: Shelf) -> None:
    with shelf.held(), pytest.raises(StateHeld, match="another process"), shelf.held():
        pass
    with shelf.held():
        pass


def test_a_registry_that_cannot_be_read_is_refused_by_name(
    shelf: Shelf, tmp_path: Path, digests: list[str]
) -> None:
    promote(shelf, digests[0], tmp_path / "0")
    for content in (b"", b"[]", b'{"models": [{}], "steps": []}', b"\xff"):
        (shelf.folder / "registry.json").write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"registry\.json is damaged"):
            shelf.registry()


def test_a_disk_that_refuses_is_told_with_its_mend(tmp_path: Path, digests: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    shelf = Shelf(tmp_path / "file")
    with pytest.raises(ConfigurationError, match="cannot write"), shelf.held():
        pass
