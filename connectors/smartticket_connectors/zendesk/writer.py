"""Carries out a triage in one write, and takes it back again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import structlog

from smartticket_connectors.zendesk.change import Change, triage_change, undo_change
from smartticket_connectors.zendesk.desk import Desk
from smartticket_connectors.zendesk.fields import Json, MalformedError, inner, objects, texts, whole
from smartticket_connectors.zendesk.history import Deed, History, comments_of, deed_of, read_history
from smartticket_connectors.zendesk.reader import answered, number_of
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_connectors.zendesk.ticket import Ticket, Users, users_of
from smartticket_daemon.domain import Key, MessageRef, Receipt, Status, Triage
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    Overtaken,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)
from smartticket_daemon.http import Conflict, NotFound, Refused, Throttled

log = structlog.get_logger(__name__)

TRIES = 4
"""Times a ticket is read and written again because somebody changed it in between."""

_FRESH = timedelta(seconds=2)
"""A ticket changed so lately may change again without its stamp showing it: stamps are whole seconds."""

_COOL = 1.0


class Writer:
    """The writing half of the connector. Once a note was seen to be public, it writes no more."""

    def __init__(self, name: str, settings: ZendeskSettings, desk: Desk) -> None:
        self._name = name
        self._settings = settings
        self._desk = desk
        self.stopped = ""

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Tags, group and note in one request; what an earlier attempt did is not done twice."""
        done = Receipt()

        def plan(ticket: Ticket, users: Users) -> Change | None:
            nonlocal done
            history = self._history(ticket.id, key)
            self._refuse_overtaken(ticket, users, history, triage)
            done = self._receipt(ticket.id, self._deeds(history))
            return self._plan(ticket, triage.minus(done), key)

        answer = self._write(number_of(ref), plan)
        return done.plus(self._outcome(number_of(ref), answer)) if answer else done

    def _plan(self, ticket: Ticket, left: Triage, key: Key) -> Change | None:
        present = {tag.lower() for tag in ticket.tags}
        tags = tuple(tag for tag in left.tags if tag.lower() not in present)
        group = self._desk.group_id(left.route) if left.route else None
        if group == ticket.group:
            group = None
        return triage_change(ticket, key, tags, group, left.note) if tags or group or left.note else None

    def _refuse_overtaken(self, ticket: Ticket, users: Users, history: History, triage: Triage) -> None:
        if ticket.status is not Status.OPEN:
            raise Overtaken(ticket.status.value)
        if answered(self._desk, ticket, users, history):
            raise Overtaken("answered")
        self.refuse_decided(ticket, triage, {deed.group for deed in history.deeds if deed.routed})

    def refuse_decided(self, ticket: Ticket, triage: Triage, ours: Collection[int | None] = ()) -> None:
        """Raise Overtaken where a person chose a group, other than `ours`, or another category."""
        if ticket.group is not None and ticket.group not in ours:
            name = self._desk.group_name(ticket.group)
            if name != triage.route and name not in self._settings.default_groups:
                raise Overtaken("human_decided")
        if triage.contradicted_by(ticket.tags):
            raise Overtaken("human_decided")

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What the ticket's audits say that we did under this key."""
        self.refuse_when_stopped()
        number = number_of(ref)
        deeds = self._deeds(self._history(number, key))
        return self._receipt(number, deeds) if deeds else None

    def _history(self, number: int, key: Key) -> History:
        try:
            return read_history(self._desk.audits(number), key)
        except NotFound:
            raise Overtaken("deleted") from None

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Our tags off, the group back where it still is the one we set. The note stays: it is history."""

        def plan(ticket: Ticket, users: Users) -> Change | None:  # noqa: ARG001 - a plan gets both
            if ticket.status in (Status.CLOSED, Status.MERGED, Status.DELETED):
                raise Overtaken(ticket.status.value)
            group: tuple[int | None] | None = None
            if receipt.route and self._desk.group_name(ticket.group) == receipt.route:
                before = receipt.route_before
                group = (self._desk.group_id(before) if before else None,)
            change = undo_change(ticket, ref.key, receipt, group)
            return change if {"tags", "group_id"} & change.keys() else None

        self._write(number_of(ref), plan)

    def _write(self, number: int, plan: Callable[[Ticket, Users], Change | None]) -> Json | None:
        """Read, plan, write on exactly what was read; again when somebody was faster. None: nothing to do."""
        self.refuse_when_stopped()
        self._desk.room()
        for _ in range(TRIES):
            ticket, users, fresh = self._read(number)
            if fresh:
                self._desk.session.clock.sleep(_COOL)
                continue
            change = plan(ticket, users)
            if change is None:
                return None
            try:
                return self._send(number, change)
            except Conflict:
                log.info("ticket_changed_meanwhile", source=self._name, ticket=number)
        raise TransientError(f"{self._name}: ticket {number} keeps changing")

    def _deeds(self, history: History) -> tuple[Deed, ...]:
        return history.deeds_of(lambda: self._desk.user.id)

    def refuse_when_stopped(self) -> None:
        """Raise ConfigurationError once a note was seen to be public."""
        if self.stopped:
            raise ConfigurationError(self.stopped)

    def _read(self, number: int) -> tuple[Ticket, Users, bool]:
        try:
            answer = self._desk.ticket(number)
            body = answer.json()
            ticket = Ticket.parse(inner(body, "ticket"))
        except NotFound:
            raise Overtaken("deleted") from None
        except MalformedError:
            raise RejectedError(f"{self._name}: ticket {number} cannot be read") from None
        fresh = answer.date is not None and answer.date - ticket.updated < _FRESH
        return ticket, users_of(objects(body.get("users"))), fresh

    def _send(self, number: int, change: Change) -> Json:
        try:
            return self._desk.update(number, change)
        except NotFound:
            raise Overtaken("deleted") from None
        except Refused:
            status = self._read(number)[0].status
            if status is not Status.OPEN:
                raise Overtaken(status.value) from None
            raise
        except Unreachable as error:
            # Zendesk answered a moment ago: this is the one request's trouble, and the other tickets go on.
            raise TransientError(str(error), error.retry_after) from None
        except AccessDenied:
            if not self._desk.may_write:
                raise
            raise RejectedError(f"{self._name}: our user may not change ticket {number}") from None
        except Throttled as error:
            if error.narrow:
                raise TransientError(
                    f"{self._name}: ticket {number} changes too often", error.retry_after
                ) from None
            raise

    def _outcome(self, number: int, answer: Json) -> Receipt:
        """What Zendesk says it did, once it is sure that our note is private."""
        audit = inner(answer, "audit")
        for comment in comments_of(audit):
            if comment.get("public") is not False:
                self._hide(number, whole(comment.get("id")))
        if answer.get("ignored"):
            raise ConfigurationError(
                f"{self._name}: Zendesk passed over {answer['ignored']} on ticket {number}"
            )
        deed = deed_of(audit)
        if deed is None:
            raise ConfigurationError(f"{self._name}: Zendesk did not keep our mark on ticket {number}")
        present = {tag.lower() for tag in texts(inner(answer, "ticket").get("tags"))}
        kept = tuple(tag for tag in deed.tags if tag.lower() in present)
        if kept != deed.tags:
            log.error("tags_not_kept", source=self._name, ticket=number)
        return self._receipt(number, (replace(deed, tags=kept),))

    def _receipt(self, number: int, deeds: tuple[Deed, ...]) -> Receipt:
        receipt = Receipt()
        for deed in deeds:
            if deed.public:
                self._hide(number, deed.note)
            receipt = receipt.plus(
                Receipt(
                    tags=deed.tags,
                    route=self._desk.group_name(deed.group) if deed.routed else None,
                    route_before=self._desk.group_name(deed.group_before),
                    note_id=str(deed.note) if deed.note else None,
                )
            )
        return receipt

    def _hide(self, number: int, note: int | None) -> NoReturn:
        """The customer may see our note: hide it, write nothing any more, and say so."""
        log.error("note_was_public", source=self._name, ticket=number)
        try:
            self._desk.make_private(number, note or 0)
            done = "it was made private"
        except SmartTicketError:
            done = "it could not be made private: do so by hand, at once"
        self.stopped = (
            f"{self._name}: Zendesk made our internal note on ticket {number} public; {done}. "
            "Nothing more is written there until SmartTicket is started again"
        )
        raise ConfigurationError(self.stopped)
