"""The journal on SQLite keeps the contract."""

from __future__ import annotations

from pathlib import Path

from smartticket_daemon.journal import SqlJournal, open_journal
from smartticket_daemon.testing import JournalContract


class TestSqliteJournal(JournalContract):
    def open(self, folder: Path) -> SqlJournal:
        return open_journal(folder)
