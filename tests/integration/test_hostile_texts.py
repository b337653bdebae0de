"""Nothing that a customer writes comes to life in a note, in a template or in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import ATTACKS, through, wrong_in


@pytest.mark.parametrize("service", ["zendesk", "freshdesk"])
def test_hostile_subjects_names_and_bodies_stay_text(service: str, tmp_path: Path) -> None:
    outcome = through(service, len(ATTACKS) + 150, seed=1, folder=tmp_path)
    assert outcome.wrong == []
    assert outcome.notes >= 0.9 * outcome.messages
    assert outcome.log_lines >= outcome.notes


@pytest.mark.parametrize(
    "note",
    [
        "<p><b>x</b></p>",
        "<p onclick=x>a</p>",
        "<p>{{ticket.id}}</p>",
        "<p>77762223</p>",
        "<p>\x1b[31m</p>",
        "<!-- a -->",
    ],
)
def test_a_note_that_came_to_life_is_told(note: str) -> None:
    assert wrong_in(note)
