"""The journal on SQLAlchemy Core: cursors, work, decisions and receipts, durable after every call.

- `opening.py`: open_journal; folder, file, schema version
- `journal.py`: SqlJournal, the port
- `intake.py`, `work.py`, `views.py`, `rows.py`: what its methods do inside one transaction
- `schema.py`, `migrations/`: tables and their history
- `store.py`: connections, transactions, and the border where foreign errors end
- `sqlite.py`: the only place that knows SQLite
- `lock.py`: hold_state; one daemon for each state directory
"""

from smartticket_daemon.journal.journal import SqlJournal
from smartticket_daemon.journal.lock import hold_state, holder
from smartticket_daemon.journal.opening import journal_exists, open_journal, scratch_copy

__all__ = ["SqlJournal", "hold_state", "holder", "journal_exists", "open_journal", "scratch_copy"]
