"""The words that values are made of: capabilities, authors, states, modes. Known through `domain`."""

from __future__ import annotations

from enum import StrEnum


class Capability(StrEnum):
    """What a connector can do beyond the six verbs that every connector has."""

    FEEDBACK = "feedback"
    UNDO = "undo"
    WAKE = "wake"
    HISTORY = "history"
    BULK = "bulk"


class Author(StrEnum):
    """Who wrote a message, as far as the source itself can tell."""

    REQUESTER = "requester"
    AGENT = "agent"
    OURSELVES = "ourselves"


class Status(StrEnum):
    """State of the ticket at the moment it was read."""

    OPEN = "open"
    SOLVED = "solved"
    CLOSED = "closed"
    DELETED = "deleted"
    MERGED = "merged"
    SPAM = "spam"

    @property
    def ended(self) -> bool:
        """Whether the work on it is done."""
        return self in (Status.SOLVED, Status.CLOSED)


class Mode(StrEnum):
    """How far a source may act: record only, tag and route, or also write the internal note."""

    OBSERVE = "observe"
    TAG = "tag"
    SUGGEST = "suggest"


class Action(StrEnum):
    """What policy makes of a message."""

    APPLY = "apply"
    ABSTAIN = "abstain"
    SKIP = "skip"


class State(StrEnum):
    """Where a message stands in the journal. All but the first two are final."""

    PENDING = "pending"
    SENDING = "sending"
    APPLIED = "applied"
    OBSERVED = "observed"
    ABSTAINED = "abstained"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"


class Opinion(StrEnum):
    """What people made of one decision, as the remote shows it.

    `corrected`: another category took the place of ours; `labelled`: we abstained and they chose one;
    `rejected`: ours was taken away and none chosen; `confirmed`: ours stands on a finished ticket.
    """

    UNDECIDED = "undecided"
    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    LABELLED = "labelled"
