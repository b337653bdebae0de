"""kill -9 at every point of an `apply`: what is left to do is done afterwards, and nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smartticket_connectors.folder import FolderConnector
from smartticket_daemon.domain import MessageRef
from smartticket_daemon.testing.steps import carry_out
from tests.contract import folder_crash
from tests.contract.folder_crash import FORMATS, PLAN
from tests.contract.mailboxes import DiskMailbox
from tests.samples import ROOT


@pytest.mark.parametrize("kind", FORMATS)
def test_killed_anywhere_an_apply_is_finished_once(kind: str, tmp_path: Path) -> None:
    child = [sys.executable, "-m", folder_crash.__name__, kind, str(tmp_path)]
    subprocess.run(child, check=True, cwd=ROOT, timeout=60)
    places = sorted(tmp_path.iterdir(), key=lambda place: int(place.name))
    assert len(places) >= 8
    states = [finish(FORMATS[kind](place / "mail"), place) for place in places]
    assert len(set(states)) >= 4, "the points lie at different stages"


def finish(box: DiskMailbox, place: Path) -> tuple[object, ...]:
    """Rerun as the pipeline does, twice; returns what stood there before."""
    ref = MessageRef(**json.loads((place / "ref.json").read_text()))
    before = box.look(ref.ticket)
    copies = box.places(ref.ticket)
    assert before.exists
    assert before.tags in (frozenset(), frozenset(PLAN.tags))
    assert len(before.notes) <= 1
    for _ in range(2):
        carry_out(FolderConnector("contract", box.settings()), ref, PLAN)
        sight = box.look(ref.ticket)
        assert (sight.tags, len(sight.notes)) == (frozenset(PLAN.tags), 1)
        assert box.places(ref.ticket) == ["Billing"]
        assert sight.marks == before.marks
    return before.tags, len(before.notes), tuple(copies)
