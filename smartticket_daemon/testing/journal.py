"""JournalContract: the one suite that every journal passes.

A test module subclasses it and says how a journal is opened:

    class TestMyJournal(JournalContract):
        def open(self, folder: Path) -> Journal:
            return my_journal(folder)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smartticket_daemon.ports import Journal
from smartticket_daemon.testing.journal_bounds import BoundsContract
from smartticket_daemon.testing.journal_feedback import FeedbackContract
from smartticket_daemon.testing.journal_intake import IntakeContract
from smartticket_daemon.testing.journal_views import ViewsContract
from smartticket_daemon.testing.journal_work import WorkContract


class JournalContract(IntakeContract, WorkContract, BoundsContract, ViewsContract, FeedbackContract):
    """Subclass it, name the subclass `Test...`, and give it `open`."""

    def open(self, folder: Path) -> Journal:
        """A journal that belongs to this folder: the same folder means the same store."""
        raise NotImplementedError("say how a journal is opened")

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        """A new one."""
        journal = self.open(tmp_path)
        yield journal
        journal.close()

    def test_any_history_agrees_with_a_plain_model(self) -> None:
        from smartticket_daemon.testing.journal_machine import run_histories  # needs hypothesis

        run_histories(self.open)

    def test_all_of_it_outlives_the_object(self, journal: Journal, tmp_path: Path) -> None:
        before = self.fill(journal)
        journal.close()
        again = self.open(tmp_path)
        try:
            assert self.snapshot(again) == before
        finally:
            again.close()

    def test_two_objects_on_one_store_agree(self, journal: Journal, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        try:
            before = self.fill(journal)
            assert self.snapshot(other) == before
        finally:
            other.close()
