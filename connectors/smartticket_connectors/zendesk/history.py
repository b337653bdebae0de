"""What was done to a ticket, from its audits: who spoke, and what of it was our own work. Pure.

Our mark stands in the metadata of the audit that our write makes: the customer never sees it, and it tells
what we changed, so that a lost answer costs one look and no receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from smartticket_connectors.zendesk.fields import Json, inner, objects, text, texts, whole
from smartticket_daemon.domain import Key

MARK = "smartticket"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Deed:
    """One write of ours. `public` is true where our note can be seen by the customer: it never may be."""

    tags: tuple[str, ...]
    routed: bool = False
    group: int | None = None
    group_before: int | None = None
    note: int | None = None
    public: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """`deeds` are ours under one key, oldest first; `speakers` wrote publicly after the first message.

    `unmarked` are tags that some program added without our mark, and as whom.
    """

    deeds: tuple[Deed, ...]
    speakers: frozenset[int]
    unmarked: tuple[tuple[int, Deed], ...] = ()

    def deeds_of(self, me: Callable[[], int]) -> tuple[Deed, ...]:
        """`deeds`, and what we did in bulk: Zendesk takes no mark there, only our name tells."""
        return self.deeds + tuple(deed for who, deed in self.unmarked if who == me())


def mark(key: Key, tags: tuple[str, ...], group: int | None, before: int | None) -> dict[str, Any]:
    """The metadata of a write: its key, the tags it adds, the group it sets (None: it sets none)."""
    return {MARK: {"v": VERSION, "key": key, "tags": list(tags), "group": group, "group_before": before}}


def read_history(audits: Iterable[Json], key: Key) -> History:
    """The history in a ticket's audits, which come oldest first."""
    deeds: list[Deed] = []
    speakers: list[int] = []
    unmarked: list[tuple[int, Deed]] = []
    for audit in audits:
        hidden = {whole(event.get("comment_id")) for event in _events(audit, _PRIVACY)}
        deeds = [replace(deed, public=deed.public and deed.note not in hidden) for deed in deeds]
        if mark_of(audit).get("key") == key and (deed := deed_of(audit)):
            deeds.append(deed)
        if not mark_of(audit) and (tags := _tags_added(audit)):
            unmarked.append((whole(audit.get("author_id")) or 0, Deed(tags)))
        speakers += [_speaker(event, audit) for event in comments_of(audit) if event.get("public") is True]
    return History(tuple(deeds), frozenset(speakers[1:]), tuple(unmarked))


def _tags_added(audit: Json) -> tuple[str, ...]:
    """What a program, rather than a person at a page of Zendesk's, added to the tags."""
    if inner(audit, "via").get("channel") != "api":
        return ()
    changes = [e for e in _events(audit, ("Change",)) if e.get("field_name") == "tags"]
    return tuple(
        tag for e in changes for tag in _tags(e.get("value")) if tag not in _tags(e.get("previous_value"))
    )


def _tags(value: Any) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else texts(value)


def mark_of(audit: Json) -> Json:
    """Our mark in an audit, empty where there is none."""
    return inner(audit, "metadata", "custom", MARK)


def deed_of(audit: Json) -> Deed | None:
    """What an audit says that we did; None for one of somebody else's, and for one that took back."""
    ours = mark_of(audit)
    if not text(ours.get("key")):
        return None
    note = next(iter(comments_of(audit)), {})
    group = whole(ours.get("group"))
    return Deed(
        tags=texts(ours.get("tags")),
        routed=group is not None,
        group=group,
        group_before=whole(ours.get("group_before")),
        note=whole(note.get("id")),
        public=bool(note) and note.get("public") is not False,
    )


def comments_of(audit: Json) -> list[Json]:
    """The comments that were written in one audit."""
    return _events(audit, _COMMENTS)


_COMMENTS = ("Comment", "VoiceComment")
_PRIVACY = ("CommentPrivacyChange",)


def _events(audit: Json, kinds: tuple[str, ...]) -> list[Json]:
    return [event for event in objects(audit.get("events")) if event.get("type") in kinds]


def _speaker(event: Json, audit: Json) -> int:
    return whole(event.get("author_id")) or whole(audit.get("author_id")) or 0
