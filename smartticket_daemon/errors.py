"""Every error of SmartTicket, named after what the caller does next.

SmartTicketError
├── ConfigurationError      stop this source (or refuse to start), say what to mend     exit 78
│   ├── AccessDenied        the remote refused our credentials or rights                exit 77
│   └── ModelError          the model cannot be used; the daemon stops                  exit 78
├── TransientError          try again later                                             exit 75
│   ├── RateLimited         not before `retry_after` seconds
│   │   └── NoRoom          the same by our own count: nothing was sent
│   ├── Unreachable         no answer, no connection, no valid certificate              exit 69
│   └── StateHeld           another process works on the same state directory           exit 75
├── RejectedError           this work can never succeed: quarantine                     exit 1
├── Overtaken               the remote or a person got there first: skip, with reason   exit 0
├── CursorExpired           the cursor means nothing any more: restart by policy        exit 75
├── DataError               a file of the operator's is unusable                        exit 65
└── JournalError            the journal cannot be trusted or written; the daemon stops  exit 70

Messages are in the operator's words and never hold a credential or a customer's text.
"""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb
from typing import ClassVar


class SmartTicketError(Exception):
    """Something SmartTicket knows by name."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigurationError(SmartTicketError):
    """The settings or the remote's set-up do not allow this."""

    exit_code = 78


class AccessDenied(ConfigurationError):
    """The remote refused our credentials or rights."""

    exit_code = 77


class ModelError(ConfigurationError):
    """The model cannot be loaded or does not fit the settings."""


class TransientError(SmartTicketError):
    """This did not work now and may work later."""

    exit_code = 75

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait, where the remote said so."""


class RateLimited(TransientError):
    """The remote asked us to slow down."""

    @property
    def partial(self) -> bool:
        """True where the connector itself holds back what must wait, so that other work may be tried."""
        return False


class NoRoom(RateLimited):
    """Our share of a rate limit is used up: nothing was sent."""

    @property
    def partial(self) -> bool:
        """See RateLimited."""
        return True


class Unreachable(TransientError):
    """The remote did not answer."""

    exit_code = 69


class StateHeld(TransientError):
    """Another process works on the same state."""


class RejectedError(SmartTicketError):
    """The remote will never accept this."""


class Overtaken(SmartTicketError):
    """The ticket changed before we wrote; `reason` is the skip reason for the ledger."""

    exit_code = 0

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CursorExpired(SmartTicketError):
    """The source no longer knows our cursor."""

    exit_code = 75


class DataError(SmartTicketError):
    """A data file is unusable."""

    exit_code = 65


class JournalError(SmartTicketError):
    """The journal cannot be read or written."""

    exit_code = 70


def describe(error: Exception) -> str:
    """Our own errors speak for themselves; of a foreign one only the class and the place are safe to show."""
    if isinstance(error, SmartTicketError):
        return str(error)
    places = extract_tb(error.__traceback__)
    place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"unexpected {type(error).__name__}{place}"
