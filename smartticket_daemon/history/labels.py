"""Which category people gave a ticket: in a field, by a tag, or by its group.

What we set ourselves and nobody touched is not people's word. The journal knows what that is; a write
that it knows no receipt of, as after a death in the middle, counts as ours too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from smartticket_daemon.domain import Action, Message
from smartticket_daemon.policy import Policy
from smartticket_daemon.ports import Journal, Record

NO_LABEL, SEVERAL, OUR_OWN = "no_label", "several_labels", "our_own_label"
_NOT_WORD = re.compile(r"[\W_]+")


class Place(StrEnum):
    """Where agents put a ticket's category."""

    FIELD = "field"
    TAG = "tag"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Ours:
    """What we set at a ticket: tags in lower case, and groups."""

    tags: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()

    def plus(self, tags: Sequence[str], route: str | None) -> Ours:
        """With another deed of ours."""
        lowered = self.tags | {tag.lower() for tag in tags}
        return Ours(lowered, self.routes | {route} if route else self.routes)


@dataclass(frozen=True, slots=True)
class Given:
    """What people said of one ticket: `label`, or why there is none."""

    label: str | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """`name` is the field's name, or what the tags begin with."""

    place: Place
    name: str
    policy: Policy = field(compare=False)

    def __str__(self) -> str:
        mark = "*" if self.place is Place.TAG else ""
        return self.place.value if self.place is Place.GROUP else f"{self.place.value} {self.name}{mark}"

    def given(self, message: Message, ours: Ours = Ours()) -> Given:
        """The one label that people gave this ticket."""
        found = self._found(message)
        own = {name.lower() for name in ours.routes} if self.place is Place.GROUP else ours.tags
        theirs = [value for value in found if value.lower() not in own]
        if not theirs:
            return Given(None, OUR_OWN if found else NO_LABEL)
        return Given(None, SEVERAL) if len(theirs) > 1 else Given(self._named(theirs[0]))

    def _found(self, message: Message) -> list[str]:
        if self.place is Place.GROUP:
            return [message.group] if message.group else []
        if self.place is Place.TAG:
            start, unsure = self.name.lower(), self.policy.unsure_tag.lower()
            tags = {tag.lower(): tag for tag in sorted(message.tags)}
            return [t for low, t in tags.items() if low.startswith(start) and low not in (start, unsure)]
        values = [value for name, value in message.fields if name.casefold() == self.name.casefold()]
        return [part for value in values for part in self._parts(value)]

    def _parts(self, value: str) -> list[str]:
        """A value as it stands; one that we may have written beside others is taken apart."""
        parts = [part.strip() for part in value.split(",") if part.strip()]
        tags = {tag.lower() for tag in (*self.policy.category_tags, self.policy.unsure_tag)}
        if not any(part.lower() in tags for part in parts):
            return [value.strip()] if value.strip() else []
        return [part for part in parts if part.lower() != self.policy.unsure_tag.lower()]

    def _named(self, label: str) -> str:
        known = self.policy.category_of(frozenset({label})) if self.place is not Place.GROUP else None
        return known or (label[len(self.name) :] if self.place is Place.TAG else label)

    def categories(self, label: str) -> tuple[str, ...]:
        """The model's categories that `label` stands for: by the group they are routed to, or by name."""
        known = self.policy.categories
        if self.place is Place.GROUP:
            group = label.casefold()
            routed = tuple(name for name, c in known.items() if c.route and c.route.casefold() == group)
            if routed:
                return routed
        return tuple(name for name in known if _plain(name) == _plain(label))


def ours_among(journal: Journal, source: str, tickets: set[str], policy: Policy) -> Mapping[str, Ours]:
    """What we set at each of these tickets, as far as the journal knows."""
    found: dict[str, Ours] = {}
    for record in journal.records(source, tickets):
        found[record.ref.ticket] = _adding(found.get(record.ref.ticket, Ours()), record, policy)
    return found


def _adding(ours: Ours, record: Record, policy: Policy) -> Ours:
    if record.receipt is not None:
        return ours.plus(record.receipt.tags, record.receipt.route)
    category = policy.categories.get(record.decision.category or "")
    if category is None or not record.attempts or record.decision.action is Action.ABSTAIN:
        return ours
    return ours.plus([category.tag], category.route)


def _plain(name: str) -> str:
    return _NOT_WORD.sub("_", name.casefold()).strip("_")
