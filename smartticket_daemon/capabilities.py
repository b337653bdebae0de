"""What a connector can do beyond the verbs that every connector has. Known through `ports`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from smartticket_daemon.domain import Batch, Cursor, Extent, Key, MessageRef, Receipt, RemoteState, Triage
from smartticket_daemon.errors import SmartTicketError


@runtime_checkable
class ReportsState(Protocol):
    """Capability FEEDBACK."""

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """What the remote shows of each message now, in the order asked."""
        ...


@runtime_checkable
class Undoes(Protocol):
    """Capability UNDO."""

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take back what `receipt` says we changed and no person has changed since."""
        ...


@runtime_checkable
class Wakes(Protocol):
    """Capability WAKE."""

    def wait(self, seconds: float) -> bool:
        """Block up to `seconds` on a connection of its own; True is a hint that a poll may find news.

        Never the truth: polling goes on by the clock whatever this says.
        """
        ...

    def wake(self) -> None:
        """Make a `wait` in another thread return at once."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """Capability HISTORY."""

    def extent(self, since: datetime | None) -> Extent:
        """Estimate of what `past` would yield for tickets created since `since`; one call at most."""
        ...

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield the tickets that are there, newest first, in whatever status, marking nothing.

        One message a ticket, the requester's first, with its tags, group, status and `fields` as people left
        them. `None` begins at the newest; a batch's cursor goes on behind it, in another process too. Tickets
        that come or change meanwhile make no other ticket be left out. Ends with what was created at `since`.
        Other verbs may be called between two batches.
        """
        ...


@runtime_checkable
class AppliesMany(Protocol):
    """Capability BULK."""

    def apply_many(
        self, work: Sequence[tuple[MessageRef, Triage, Key]]
    ) -> Iterator[tuple[Key, Receipt | SmartTicketError]]:
        """Add the tags of many plans that have neither route nor note, in as few calls as the service allows.

        What became of each, in any order, exactly once each: its receipt, or the error that `apply` would
        have raised. Looks at what people did since, as `apply` does. Raises only for the source as a whole,
        and then nothing is known of those not yet yielded.
        """
        ...
