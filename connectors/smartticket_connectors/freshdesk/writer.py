"""Carries out a triage on one ticket in two writes, and takes it back again.

The order is look, update (tags and group at once), note, look again. Freshdesk replaces all tags at once and
knows no conflict, so tags are read directly before the update, united, and read once more at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from smartticket_connectors.freshdesk import fields
from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.groups import Groups
from smartticket_connectors.freshdesk.look import (
    Look,
    Looker,
    refuse_decided,
    refuse_finished,
    ticket_of,
)
from smartticket_connectors.freshdesk.note import Record, written
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_daemon.domain import Key, MessageRef, Note, Receipt, Triage
from smartticket_daemon.errors import (
    ConfigurationError,
    Overtaken,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.http import NotFound

log = structlog.get_logger(__name__)


LOOK = 2
"""Requests that a ticket with its conversations counts for."""

WHOLE = 5
"""Requests that a whole triage counts for: the look 2, update, note, and the look afterwards."""


@dataclass(frozen=True, slots=True)
class _Update:
    """What the update changes: tags added, and the group's name and number with the name before."""

    tags: tuple[str, ...] = ()
    route: str | None = None
    group: int | None = None
    before: str | None = None


class Writer:
    """Writes to one account. After a note that came out public it refuses every further write."""

    def __init__(
        self, name: str, settings: FreshdeskSettings, api: Api, looker: Looker, groups: Groups
    ) -> None:
        self._name = name
        self._settings = settings
        self._field = settings.category_field
        self._api = api
        self._looker = looker
        self._groups = groups
        self._done: Key | None = None
        self.stopped = ""

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Do what is left to do of `triage`; see the contract for what it raises."""
        self._refuse_stopped()
        done, self._done = self._done, None
        if done == key:
            return Receipt()  # `applied` has just seen the note: nothing is left to do
        self._api.room(WHOLE)
        route = self._groups.needed(triage.route) if triage.route else None
        look = self._looker.find(ref, key)
        if look.own:
            return self._told(look.own)
        refuse_finished(look, ref.message)
        refuse_decided(look, triage, alone=self._field is not None)
        try:
            return self._write(look, triage, route, key)
        except NotFound:
            raise Overtaken("deleted") from None
        except Unreachable as error:
            # Freshdesk answered a moment ago: this is the one request's trouble, and the other tickets go on.
            raise TransientError(str(error), error.retry_after) from None

    def _write(self, look: Look, triage: Triage, route: int | None, key: Key) -> Receipt:
        update = self._planned(look, triage, route)
        self._update(look, update)
        done = self._half_done(look, triage, route) or update
        note = self._note(look.number, triage.note, key, done)
        lost = self._keep(look.number, replace(triage, tags=update.tags))
        return Receipt(
            tags=tuple(tag for tag in done.tags if tag not in lost),
            route=done.route,
            route_before=done.before,
            note_id=str(note) if note and triage.note else None,
        )

    def _planned(self, look: Look, triage: Triage, route: int | None) -> _Update:
        """Tags that are not there yet, and the group where nobody has chosen another."""
        missing = look.missing(triage.tags)
        free = look.group is None or self._is_intake(look.group)
        if not free and look.group != route:
            raise Overtaken("human_decided")
        if not free or route is None:
            return _Update(missing)
        return _Update(missing, triage.route, route, self._groups.name(look.group))

    def _is_intake(self, group: int) -> bool:
        chosen = self._settings.default_groups
        return bool(chosen) and self._groups.name(group) in chosen

    def _half_done(self, look: Look, triage: Triage, route: int | None) -> _Update | None:
        """The update of an earlier attempt that was cut off before its note: all as planned, note missing.

        Without a group this cannot be told from a person who set the same tag, whose it then remains.
        """
        if route is None or look.group != route or look.missing(triage.tags):
            return None
        return _Update(tuple(tag for tag in triage.tags if "__" in tag), triage.route, route)

    def _update(self, look: Look, update: _Update) -> None:
        change = self._categories((*look.categories, *update.tags)) if update.tags else {}
        change |= {"group_id": update.group} if update.group else {}
        if change:
            self._expect(look, update, self._api.update(look.number, change))

    def _categories(self, values: tuple[str, ...]) -> dict[str, Any]:
        if self._field is None:
            return {"tags": list(values)}
        return {"custom_fields": {self._field: ", ".join(values) or None}}

    def _expect(self, look: Look, update: _Update, answer: Mapping[str, Any]) -> None:
        """The service must have kept what it was given: it cuts long tags and drops fields silently."""
        there = {tag.casefold() for tag in fields.categories(answer, self._field)}
        strange = there - {tag.casefold() for tag in look.categories}
        for tag in update.tags:
            if tag.casefold() in there:
                continue
            if any(tag.casefold().startswith(other) for other in strange):
                raise ConfigurationError(
                    f"Freshdesk cuts the tag {tag} short; give its category a shorter one"
                )
            raise TransientError(f"Freshdesk took the update and did not keep {self._field or 'the tags'}")
        if update.group and fields.number(answer.get("group_id")) != update.group:
            raise TransientError("Freshdesk took the update and did not keep the group")

    def _keep(self, number: int, ours: Triage) -> tuple[str, ...]:
        """Repair, once, where a page that an agent had open has replaced our tags with what it knew.

        Returns the tags that are lost because the agent has set another category.
        """
        missing = (look := self._looker.again(number)).missing(ours.tags) if ours.tags else ()
        if not missing:
            return ()
        try:
            refuse_decided(look, ours, alone=self._field is not None)
        except Overtaken:
            return missing
        log.info("tags_repaired", source=self._name, ticket=number)
        self._update(look, _Update(missing))
        return ()

    def _note(self, number: int, note: Note | None, key: Key, done: _Update) -> int | None:
        if note is None:
            return None
        record = Record(key, done.tags, done.route, done.before)
        answer = self._api.note(number, written(note.internal, record))
        name = fields.number(answer.get("id"))
        self._insist_private(name, private=answer.get("private") is True)
        if name is None:
            raise Unreachable("the service took the note and does not say which it is; look at url")
        return name

    def _insist_private(self, note: int | None, *, private: bool) -> None:
        """A note that is not private is taken away, and nothing is written to this source any more."""
        if private:
            return
        gone = note is not None and self._removed(note)
        fate = "it was deleted at once" if gone else "IT COULD NOT BE DELETED: do it by hand"
        self.stopped = (
            f"a note was posted as private and Freshdesk made it public; {fate} (note {note})."
            " Nothing more is written here until the daemon is started again"
        )
        log.error("note_was_public", source=self._name, note=note, deleted=gone)
        self._refuse_stopped()

    def _removed(self, note: int) -> bool:
        try:
            self._api.delete_note(note)
        except NotFound:
            return True
        except SmartTicketError:
            return False
        return True

    def _refuse_stopped(self) -> None:
        if self.stopped:
            raise ConfigurationError(self.stopped)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What an earlier attempt with this key left, as its note tells."""
        own = self._looker.find(ref, key).own
        self._done = key if own else None
        return self._told(own) if own else None

    def _told(self, own: Record) -> Receipt:
        """The note comes last, so all that it tells was done; what is missing now a person took away."""
        self._insist_private(own.id, private=own.private)
        return Receipt(own.tags, own.group, own.before, str(own.id))

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take back what stands as we left it."""
        self._refuse_stopped()
        self._done = None
        look = self._looker.again(ticket_of(ref))
        try:
            if change := self._reversal(look, receipt):
                self._api.update(look.number, change)
        except NotFound:
            raise Overtaken("deleted") from None
        note = receipt.note_id or ""
        if note.isascii() and note.isdigit() and not self._removed(int(note)):
            raise TransientError("the note could not be deleted")

    def _reversal(self, look: Look, receipt: Receipt) -> dict[str, Any]:
        ours = {tag.casefold() for tag in receipt.tags}
        kept = tuple(tag for tag in look.categories if tag.casefold() not in ours)
        change = self._categories(kept) if kept != look.categories else {}
        if receipt.route and look.group == self._groups.number(receipt.route):
            before = receipt.route_before
            change |= {"group_id": self._groups.number(before) if before else None}
        return change
