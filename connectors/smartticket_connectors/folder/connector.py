"""FolderConnector: the verbs of the contract for mail on the local disk.

Tags stand in a small file per message, a route is a folder, the suggested reply a draft. Nothing is sent,
nothing is marked as read, nothing outside the configured path is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from smartticket_connectors.folder.border import translated
from smartticket_connectors.folder.box import Box, Letter, Place, safe
from smartticket_connectors.folder.check import diagnose
from smartticket_connectors.folder.formats import open_box
from smartticket_connectors.folder.history import HEADER, batch_of, past
from smartticket_connectors.folder.records import Doing, Record, Records
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_connectors.mail.draft import build_draft, draft_id
from smartticket_connectors.mail.headers import fingerprint_of, identity
from smartticket_connectors.mail.message import message_from, ref_of
from smartticket_connectors.mail.parts import MAX_RAW, split
from smartticket_daemon.domain import (
    Batch,
    Capability,
    Cursor,
    Diagnosis,
    Extent,
    Key,
    Message,
    MessageRef,
    Note,
    Receipt,
    RemoteState,
    Status,
    Triage,
    Unreadable,
)
from smartticket_daemon.errors import ConfigurationError, Overtaken, RejectedError
from smartticket_daemon.source_settings import SourceSettings


class FolderConnector:
    """Speaks to one Maildir, mbox or directory of .eml files."""

    kind: ClassVar[str] = "folder"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.FEEDBACK, Capability.UNDO, Capability.HISTORY}
    )
    Settings: ClassVar[type[SourceSettings]] = FolderSettings

    def __init__(self, name: str, settings: FolderSettings) -> None:
        self._name = name
        self._settings = settings
        self._opened: Box | None = None

    def check(self, routes: Collection[str] = ()) -> Diagnosis:
        """Look at the place, our rights, the space left and the folders; see `Connector.check`."""
        return Diagnosis(tuple(diagnose(self._settings, routes)))

    def fetch(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came after `cursor`; see `Connector.fetch`."""
        with translated(self._settings.path):
            self._must_be_there()
            for arrivals in self._box.arrivals(cursor, only_new=self._settings.start == "now"):
                yield batch_of(arrivals, self._read)

    def extent(self, since: datetime | None) -> Extent:
        """How many messages lie there; see `Remembers.extent`."""
        with translated(self._settings.path):
            self._must_be_there()
            return Extent(sum(len(arrivals.places) for arrivals in self._box.past(None, since)))

    def past(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Yield what is there, newest first; see `Remembers.past`."""
        with translated(self._settings.path):
            self._must_be_there()
            yield from past(self._box, self._read, cursor, since)

    def read(self, ref: MessageRef) -> Message:
        """Read one message again; see `Connector.read`."""
        with translated(self._settings.path):
            place, _ = self._find(ref, ref.key)
            message = self._read(place)
        if message is None:
            raise Overtaken("deleted")
        if isinstance(message, Unreadable):
            raise RejectedError("the message cannot be read")
        return replace(message, ref=replace(ref, position=str(place)))

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Tags, then the draft, then the move, each only where it is not done yet; see `Connector.apply`.

        What we are about to do is noted first, together with the tags: after a crash at any point the note
        says that a draft may exist, and where the message was to go.
        """
        with translated(self._settings.path):
            place, letter = self._find(ref, key, triage.route)
            record = self._records.load(ref.ticket)
            _refuse_overtaken(letter, record, triage, key)
            target = self._target(place, triage.route)
            noted = record.adding(triage.tags, str(target) if target else None, key)
            self._records.save(ref.ticket, noted)
            if triage.note and not (key in record.by_smartticket and self._draft(key)):
                self._write_draft(letter, triage.note, key)
            if target:
                self._box.move(place, target)
            receipt = _receipt(noted.doing(key), target or place)
            receipt = self._with_draft(receipt, key) if triage.note else receipt
        tags = tuple(tag for tag in triage.tags if tag in receipt.tags)
        return replace(receipt, tags=tags, route=receipt.route and triage.route)

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What our note of an earlier attempt says, as far as it came true; see `Connector.applied`."""
        with translated(self._settings.path):
            doing = self._records.load(ref.ticket).doing(key)
            try:
                receipt = _receipt(doing, self._find(ref, key)[0])
            except Overtaken:
                receipt = Receipt(tags=doing.tags)
            receipt = self._with_draft(receipt, key)
        return receipt if receipt.tags or receipt.route or receipt.note_id else None

    def current(self, refs: Iterable[MessageRef]) -> Iterator[RemoteState]:
        """What people made of each message; see `ReportsState.current`."""
        with translated(self._settings.path):
            for ref in refs:
                yield self._state(ref)

    def _state(self, ref: MessageRef) -> RemoteState:
        try:
            place, letter = self._at(ref, Place.parse(ref.position))
            tags = frozenset(self._records.load(ref.ticket).tags)
        except Overtaken:
            return RemoteState(ref, exists=False)
        except RejectedError:
            return RemoteState(ref, exists=True)
        answered = "R" in letter.flags and "T" not in letter.flags
        status = Status.SOLVED if answered else _status(letter)  # as near to solved as a mailbox comes
        return RemoteState(ref, True, status, tags, place.folder or None)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take the draft, the move and the tags back where they stand as we left them."""
        with translated(self._settings.path):
            if receipt.note_id and receipt.detail.get("draft") == self._draft(ref.key):
                self._box.remove(self._draft_place(ref.key))
            if receipt.route and receipt.position:
                self._move_back(ref, Place.parse(receipt.position))
            record = self._records.load(ref.ticket)
            self._records.save(ref.ticket, record.without(receipt.tags, ref.key))

    def close(self) -> None:
        """Forget what we know of the place; see `Connector.close`."""
        self._opened = None

    @property
    def _box(self) -> Box:
        if self._opened is None:
            self._opened = open_box(self._settings)
        return self._opened

    @property
    def _records(self) -> Records:
        return Records(self._box.records)

    def _read(self, place: Place) -> Message | Unreadable | None:
        """The message at a place; None when it has gone meanwhile."""
        nameless = _nameless(place)
        ref = MessageRef(self._name, nameless, nameless, str(place))
        try:
            letter = self._box.read(place, MAX_RAW + 1)
            if letter is None:
                return None
            ref = ref_of(self._name, str(place), split(letter.raw[:HEADER])[0], letter.size)
            return self._message(place, letter, self._records.load(ref.ticket))
        except RejectedError:
            return Unreadable(ref, "unreadable")

    def _message(self, place: Place, letter: Letter, record: Record) -> Message:
        header, parts, defects = split(letter.raw)
        message = message_from(
            self._name,
            str(place),
            header,
            parts,
            size=letter.size,
            received=letter.received,
            tags=frozenset(record.tags),
            answered="R" in letter.flags,
            marks=frozenset(("draft",)) if "D" in letter.flags else frozenset(),
            defects=defects,
        )
        return replace(message, status=_status(letter))

    def _find(self, ref: MessageRef, key: Key, route: str | None = None) -> tuple[Place, Letter]:
        """The message where it was, where we meant to move it, or under its name where it is to go.

        Raises Overtaken when it is at none of these.
        """
        here = Place.parse(ref.position)
        moved_to = self._records.load(ref.ticket).doing(key).moved_to
        places = [here, *([Place.parse(moved_to)] if moved_to else [])]
        if route:
            places.append(Place(safe(route), here.name))
        for place in places:
            with suppress(Overtaken):
                return self._at(ref, place)
        raise Overtaken("deleted")

    def _at(self, ref: MessageRef, place: Place) -> tuple[Place, Letter]:
        """The message at this place; raises Overtaken when it, or any message, is not there."""
        letter = self._box.read(place, HEADER)
        if letter and ref.ticket in (_identity(letter), _nameless(place)):
            return place, letter
        self._must_be_there()
        raise Overtaken("deleted")

    def _must_be_there(self) -> None:
        """A mailbox that is gone (unmounted, renamed) is not all mail deleted: the operator mends it."""
        if not self._box.has_folder(""):
            raise ConfigurationError(f"{self._settings.path} is not there; correct path, or bring it back")

    def _target(self, place: Place, route: str | None) -> Place | None:
        """Where the message is to go; None when it is there."""
        if route is None or route == place.folder:
            return None
        self._make_sure_of(safe(route))
        return self._box.target(place, route)

    def _make_sure_of(self, folder: str) -> None:
        if self._box.has_folder(folder):
            return
        if not self._settings.create_folders:
            raise ConfigurationError(f"no folder {folder!r}; make it, or set create_folders = true")
        self._box.make_folder(folder)

    def _move_back(self, ref: MessageRef, place: Place) -> None:
        with suppress(Overtaken):
            self._at(ref, place)
            self._box.move(place, self._box.target(place, ""))

    def _draft_place(self, key: Key) -> Place:
        return self._box.draft_place(key, self._settings.drafts)

    def _draft(self, key: Key) -> str | None:
        """Digest of our draft as it stands; None where there is none."""
        letter = self._box.read(self._draft_place(key), HEADER)
        return hashlib.sha256(letter.raw).hexdigest() if letter else None

    def _write_draft(self, letter: Letter, note: Note, key: Key) -> None:
        self._make_sure_of(self._settings.drafts)
        sender = next(iter(self._settings.own_addresses), "")
        raw = build_draft(split(letter.raw)[0], note, key, sender)
        self._box.write_draft(self._draft_place(key), raw)

    def _with_draft(self, receipt: Receipt, key: Key) -> Receipt:
        """The receipt with our draft, if there is one. Its name is what an answer to it will refer to."""
        digest = self._draft(key)
        if digest is None:
            return receipt
        return replace(
            receipt, note_id=fingerprint_of(draft_id(key)[1:-1].encode()), detail={"draft": digest}
        )


def _receipt(doing: Doing, place: Place) -> Receipt:
    """What we did to a message that lies at `place`: moved it, if that is where we meant to."""
    route = place.folder if str(place) == doing.moved_to else None
    return Receipt(tags=doing.tags, route=route, position=str(place))


def _refuse_overtaken(letter: Letter, record: Record, triage: Triage, key: Key) -> None:
    """Raises Overtaken where a person got there first: deleted, answered, or tagged by another category."""
    if "T" in letter.flags:
        raise Overtaken("deleted")
    if "R" in letter.flags:
        raise Overtaken("answered")
    if triage.contradicted_by(record.of_others(key)):
        raise Overtaken("human_decided")


def _status(letter: Letter) -> Status:
    return Status.DELETED if "T" in letter.flags else Status.OPEN


def _identity(letter: Letter) -> str:
    return identity(split(letter.raw[:HEADER])[0], letter.size)


def _nameless(place: Place) -> str:
    """Identity of a message that cannot be read: its place."""
    return hashlib.sha256(f"place\x1f{place}".encode()).hexdigest()[:32]
