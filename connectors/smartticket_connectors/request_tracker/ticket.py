"""A ticket as RT holds it now, and what its history says of who did what. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from smartticket_connectors.request_tracker.wire import Step
from smartticket_daemon.domain import Key, Status

_ENDED = {
    "resolved": Status.SOLVED,
    "rejected": Status.CLOSED,
    "deleted": Status.DELETED,
}
_ANSWER = "Correspond"
"""The type of a message that customers see; only ever read."""


def status_of(name: str, open_statuses: tuple[str, ...]) -> Status:
    """A status neither open nor known ends a ticket too: a lifecycle of the desk's own has such."""
    lower = name.lower()
    if lower in {status.lower() for status in open_statuses}:
        return Status.OPEN
    return _ENDED.get(lower, Status.CLOSED)


@dataclass(frozen=True)
class Ticket:
    """`version` is the ETag: the number of the last transaction, so no change goes unseen by If-Match.

    `field` is the number of the tags' custom field, None where the queue does not have it. `history` has
    the oldest step first. `ours` is the name of our own user.
    """

    number: int
    version: str
    status: Status
    subject: str
    created: datetime
    queue: str
    field: str | None
    tags: tuple[str, ...]
    requesters: tuple[str, ...]
    history: tuple[Step, ...]
    ours: str

    @property
    def first(self) -> Step | None:
        """The transaction that made the ticket, with the customer's first message."""
        return next((step for step in self.history if step.kind == "Create"), None)

    @cached_property
    def moves(self) -> tuple[Step, ...]:
        """Changes of queue; old and new are numbers of queues."""
        return tuple(step for step in self.history if step.kind == "Set" and step.field == "Queue")

    @cached_property
    def replies(self) -> tuple[str, ...]:
        """Who wrote what the customer sees, other than the customer."""
        names = (step.creator.id for step in self.history if step.kind == _ANSWER)
        return tuple(dict.fromkeys(name for name in names if name not in self.requesters))

    def note(self, key: Key) -> str | None:
        """The transaction of our own comment whose subject holds this key."""
        steps = (s for s in self.history if s.kind == "Comment" and s.creator.id == self.ours)
        return next((str(step.id) for step in steps if key in step.data.split()), None)

    @cached_property
    def owners(self) -> Owners:
        """Who set and who removed each tag."""
        return Owners.of(self)

    @property
    def moved_by_us(self) -> bool:
        """Whether the last change of queue was ours."""
        return bool(self.moves) and self.moves[-1].creator.id == self.ours

    @property
    def moved_by_others(self) -> bool:
        """Whether anybody else ever changed the queue."""
        return any(step.creator.id != self.ours for step in self.moves)


@dataclass(frozen=True, slots=True)
class Owners:
    """What the history says of tags.

    RT replaces the whole list of values. If-Match leaves an instant within RT itself in which a person's
    change can still be lost by ours; the history then shows what we never mean to do: `lost` are values of
    others that we removed, `revived` values that we set again after somebody else had removed them.
    """

    ours: frozenset[str]
    """Set by us, and nobody has touched them since."""
    refused: frozenset[str]
    """Ours, removed by somebody else."""
    lost: frozenset[str]
    revived: frozenset[str]

    @classmethod
    def of(cls, ticket: Ticket) -> Owners:
        """Goes through the changes of the custom field, the oldest first."""
        us, owner, lost = ticket.ours, dict[str, str](), dict[str, str]()
        refused, removed, revived = set[str](), set[str](), set[str]()
        for step in ticket.history:
            if step.kind != "CustomField" or step.field != ticket.field:
                continue
            who, old, new = step.creator.id, step.old, step.new
            if old:
                before = owner.pop(old, "")
                revived.discard(old)
                if who != us:
                    removed.add(old)
                    refused |= {old} if before == us else set()
                elif before != us:
                    lost[old] = before
            if new:
                revived |= {new} if who == us and new in removed else set()
                owner[new] = lost.get(new, who) if who == us else who
                lost.pop(new, None)
                removed -= {new} if who != us else set()
        ours = frozenset(tag for tag, who in owner.items() if who == us)
        return cls(ours, frozenset(refused), frozenset(lost), frozenset(revived))
