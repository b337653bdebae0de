"""For the authors of plug-ins: contracts to subclass in a pytest suite, and a connector in memory.

Needs pytest; JournalContract needs hypothesis too.
"""

import pytest

_WITH_ASSERTIONS = (
    "bulk",
    "connector",
    "history",
    "journal",
    "journal_intake",
    "journal_machine",
    "journal_steps",
    "journal_views",
    "journal_work",
    "reading",
    "steps",
    "writing",
)
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _WITH_ASSERTIONS))

from smartticket_daemon.testing.connector import ConnectorContract  # noqa: E402
from smartticket_daemon.testing.journal import JournalContract  # noqa: E402
from smartticket_daemon.testing.memory import InMemoryConnector, InMemorySettings  # noqa: E402
from smartticket_daemon.testing.memory_remote import InMemoryRemote  # noqa: E402
from smartticket_daemon.testing.remote import Remote, Sight  # noqa: E402

__all__ = [
    "ConnectorContract",
    "InMemoryConnector",
    "InMemoryRemote",
    "InMemorySettings",
    "JournalContract",
    "Remote",
    "Sight",
]
