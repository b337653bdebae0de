"""The values that flow through the pipeline: Message, Prediction, Decision, Triage, Receipt.

Standard library only, frozen, aware datetimes only. Nothing here performs I/O.

A *ticket* is a conversation, a *message* one text in it. A *source* is one configured remote account.
A message is known by its `Key`, which never depends on the model or on where the message lies today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NewType

from smartticket_daemon.words import Action, Author, Capability, Mode, Opinion, State, Status

__all__ = [
    "Action",
    "Author",
    "Batch",
    "Capability",
    "Cursor",
    "Decision",
    "Diagnosis",
    "Extent",
    "Finding",
    "Key",
    "Message",
    "MessageRef",
    "Mode",
    "Note",
    "Opinion",
    "Prediction",
    "Receipt",
    "RemoteState",
    "Requester",
    "State",
    "Status",
    "Triage",
    "Unreadable",
]

Cursor = NewType("Cursor", str)
"""A connector's own opaque position in its source."""

Key = NewType("Key", str)
"""Identity of one message of one source: 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Names one message at its source.

    `ticket` and `message` are its lasting identity (in a mailbox both rest on the Message-ID, the
    ticket on the address to answer too); `position` is the connector's own note of where the message lies
    now and may change.
    """

    source: str
    ticket: str
    message: str
    position: str = ""

    @property
    def key(self) -> Key:
        """Hash of source, ticket and message: the same after a move, a new model or a lost journal."""
        text = "\x1f".join((self.source, self.ticket, self.message))
        return Key(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class Requester:
    """The customer who wrote. Empty strings where the source does not say."""

    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One text of a ticket, ready for classification.

    `body` is plain text with quoted history and signature removed and its size capped.
    `headers` holds only the mail headers that tell machine mail from a person's, names in lower case;
    it is empty for helpdesks. `answers` are the fingerprints of the messages this one replies to,
    `follow_up` is true where the source itself knows that this is not the ticket's first message.
    `tags` and `group` are what the ticket carries at the moment of reading.
    """

    ref: MessageRef
    subject: str
    body: str
    created: datetime
    author: Author = Author.REQUESTER
    requester: Requester = field(default_factory=Requester)
    number: str = ""
    """The ticket's number as people know it; empty in a mailbox."""
    status: Status = Status.OPEN
    follow_up: bool = False
    answered: bool = False
    tags: frozenset[str] = frozenset()
    group: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    """What the connector knows for certain: `encrypted`, `calendar`, `bounce`, `draft` ..."""
    defects: tuple[str, ...] = ()
    """Names of repairs made while reading (wrong charset, cut off, too deep ...); never text."""
    fields: tuple[tuple[str, str], ...] = ()
    """The ticket's own fields by name (a type, a custom field); filled where the past is read, else empty."""

    def __post_init__(self) -> None:
        if self.created.tzinfo is None:
            raise ValueError("Message.created must be an aware datetime")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is there but cannot be read; it goes to quarantine and holds nobody up."""

    ref: MessageRef
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in the source's order, and the cursor that covers exactly them."""

    messages: tuple[Message, ...]
    cursor: Cursor
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """Calibrated probabilities of every category, summing to 1, and the language of the text.

    `thresholds` are the model's own, per category; a category without one always abstains.
    `empty` is true where the text gave the model nothing to go by. `scope` is below zero where the text is
    unlike anything the model was trained on. `heads` is what the model's further heads say: by name
    (`priority`) the best label and its calibrated probability.
    """

    label: str
    confidence: float
    probabilities: Mapping[str, float]
    thresholds: Mapping[str, float]
    language: str = "en"
    model: str = ""
    empty: bool = False
    scope: float = 0.0
    heads: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy makes of one prediction, with the reason in one word (`confident`, `too_old` ...)."""

    action: Action
    reason: str
    category: str | None = None
    confidence: float | None = None
    threshold: float | None = None
    language: str = ""
    tags: tuple[str, ...] = ()
    """Tags of the model's further heads, beside the category's."""


@dataclass(frozen=True, slots=True)
class Note:
    """The suggested reply: an internal note in a helpdesk, a draft in a mailbox. Plain text."""

    body: str
    name: str
    """Which template made it, as `billing.en`."""
    why: tuple[str, ...] = ()
    """The customer's words that spoke most for the category, for agents alone."""

    @property
    def internal(self) -> str:
        """As agents read it where no customer can: never the text of a draft."""
        return f"{self.body.rstrip()}\n\nwhy: {', '.join(self.why)}\n" if self.why else self.body


@dataclass(frozen=True, slots=True)
class Triage:
    """The planned remote change of one decision. Tags are added, never replaced.

    `rivals` are the tags that stand for other categories. They are no part of the change, only of the
    question whether a person has decided otherwise meanwhile.
    """

    tags: tuple[str, ...] = ()
    route: str | None = None
    note: Note | None = None
    rivals: tuple[str, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.tags or self.route or self.note)

    def minus(self, done: Receipt) -> Triage:
        """What is left to do once `done` stands at the remote."""
        return Triage(
            tags=tuple(t for t in self.tags if t not in done.tags),
            route=None if done.route == self.route else self.route,
            note=None if done.note_id else self.note,
            rivals=self.rivals,
        )

    def contradicted_by(self, tags: Iterable[str]) -> bool:
        """Whether `tags`, ours left out, hold a rival or another of our kind (`category__...`), any case."""
        ours = {tag.lower() for tag in self.tags}
        others = {tag.lower() for tag in tags} - ours
        kinds = tuple(tag.partition("__")[0] + "__" for tag in ours if "__" in tag)
        rivals = {tag.lower() for tag in self.rivals} - ours
        return any(tag in rivals or tag.startswith(kinds) for tag in others)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the remote really changed, enough to undo it.

    `tags` are those that we added (not those that were there before), `route` the place the ticket was
    moved to and `route_before` where it was, `note_id` the remote name of our note or draft,
    `position` where the message lies now. `detail` is the connector's own, never text of a customer.
    """

    tags: tuple[str, ...] = ()
    route: str | None = None
    route_before: str | None = None
    note_id: str | None = None
    position: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)

    def plus(self, later: Receipt) -> Receipt:
        """Both receipts in one: the earlier look and the later write."""
        return replace(
            later,
            tags=self.tags + tuple(t for t in later.tags if t not in self.tags),
            route=later.route or self.route,
            route_before=later.route_before or self.route_before,
            note_id=later.note_id or self.note_id,
            position=later.position or self.position,
            detail={**self.detail, **later.detail},
        )


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What the remote shows of a ticket now. `exists` is false when the message left its position."""

    ref: MessageRef
    exists: bool
    status: Status = Status.OPEN
    tags: frozenset[str] = frozenset()
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of its past a source would show: tickets, and calls to read them. None: it cannot say.

    `each` is how many calls it costs to triage one of them, the look before the write included, `a_minute`
    how many the account's budget lets us triage in a minute (None also where no limit is known).
    """

    tickets: int | None = None
    calls: int | None = None
    each: float | None = None
    a_minute: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a diagnosis, in the operator's words, with what to do about it.

    `exit_code` names the kind of trouble: 78 settings, 77 access, 69 no answer, 75 later.
    """

    ok: bool
    text: str
    mend: str = ""
    exit_code: int = 78


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything `check` found about one source, good and bad."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True when no finding stands in the way."""
        return all(f.ok for f in self.findings)
