"""Carries out a triage on one message, each step only where it is not done yet, and takes it back again."""

from __future__ import annotations

from dataclasses import replace

from smartticket_connectors.imap.border import NoFolderError
from smartticket_connectors.imap.drafts import Drafts, note_id
from smartticket_connectors.imap.mover import Mover
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.seal import Seal
from smartticket_connectors.imap.sent import Sent
from smartticket_connectors.imap.session import Session
from smartticket_connectors.imap.settings import folder_name
from smartticket_connectors.imap.tags import Keeper
from smartticket_connectors.imap.ticket import Finder, Look, refuse_overtaken
from smartticket_daemon.domain import Key, MessageRef, Receipt, Triage
from smartticket_daemon.errors import Overtaken, TransientError


class Writer:
    """The order is look, tags, draft, move: until the move the message can be found where it was."""

    def __init__(self, session: Session, keeper: Keeper, drafts: Drafts, finder: Finder) -> None:
        self._session = session
        self._keeper = keeper
        self._drafts = drafts
        self._finder = finder
        self._mover = Mover(session)
        self._sent = Sent(session)
        self._tags_survive: set[tuple[int, str]] = set()

    def apply(self, ref: MessageRef, triage: Triage, key: Key) -> Receipt:
        """Do what is left to do of `triage`; see the contract for what it raises."""
        self._keeper.learn((*triage.tags, *triage.rivals))
        route = folder_name(triage.route) if triage.route else None
        look = self._finder.find(ref, route)
        if look is None:
            raise Overtaken("deleted")
        refuse_overtaken(look, triage)
        before = Position.parse(ref.position)
        was_moved = before is not None and look.position.folder != before.folder
        tags = self._tag(look, triage, earlier=was_moved)
        draft = self._note(look, triage, key, tags)
        position = self._move(look, route, triage.tags, ref.ticket)
        moved = before is not None and position.folder != before.folder
        return Receipt(
            tags=tags,
            route=triage.route if moved else None,
            route_before=before.folder if moved and before else None,
            note_id=note_id(key) if triage.note else None,
            position=str(position),
            detail={"draft": draft} if draft else {},
        )

    def _tag(self, look: Look, triage: Triage, *, earlier: bool) -> tuple[str, ...]:
        """Tags that are ours: those added now and, after an earlier attempt, those it must have added."""
        present = {tag.lower() for tag in look.tags}
        there = tuple(tag for tag in triage.tags if tag.lower() in present)
        missing = tuple(tag for tag in triage.tags if tag.lower() not in present)
        return (there if earlier else ()) + self._keeper.add(look.box, look.position.uid, missing)

    def _note(self, look: Look, triage: Triage, key: Key, tags: tuple[str, ...]) -> str:
        if triage.note is None:
            return ""
        position = self._drafts.find(key, fresh=False)
        if position is None:
            sender = self._sender()
            position = self._drafts.write(look.header, triage.note, key, sender, tags, triage.route)
        return str(position or "")

    def _sender(self) -> str:
        settings = self._session.settings
        return next((a for a in (settings.username, *settings.own_addresses) if "@" in a), "")

    def _move(self, look: Look, route: str | None, tags: tuple[str, ...], message: str) -> Position:
        """Where the message lies in the end."""
        if route is None or route == look.position.folder:
            return look.position
        self._reopen(look.position)
        position = self._mover.move(look.position.uid, route)
        if position is None:
            found = self._finder.search(route, message)
            return found.position if found else look.position
        self._keep_tags(position, tags)
        return position

    def _keep_tags(self, position: Position, tags: tuple[str, ...]) -> None:
        """Not every server takes keywords along; once a connection and folder it is looked at."""
        place = (self._session.epoch, position.folder)
        if not tags or place in self._tags_survive:
            return
        box = self._session.enter(position.folder)
        row = self._session.fetch([position.uid], self._keeper.items).get(position.uid)
        missing = tuple(t for t in tags if row and t not in self._keeper.tags(row))
        if missing:
            self._keeper.add(box, position.uid, missing)
        elif row:
            self._tags_survive.add(place)

    def _reopen(self, position: Position) -> None:
        if self._session.enter(position.folder).validity != position.validity:
            raise TransientError(f"{self._session.where}: the folder was renumbered meanwhile")

    def applied(self, ref: MessageRef, key: Key) -> Receipt | None:
        """What an earlier attempt with this key left, as its draft tells. Overtaken: an answer was sent."""
        try:
            draft = self._drafts.find(key, fresh=False)
        except NoFolderError:
            draft = None  # an account without a drafts folder never got one from us
        if draft is None and self._sent.answers(ref, key):
            raise Overtaken("answered")
        if draft is None:
            return None
        seal = self._drafts.seal(draft, key)
        look = self._finder.find(ref, self._route_of(seal))
        done = Receipt(note_id=note_id(key), detail={"draft": str(draft)})
        if look is None:
            return done
        before = Position.parse(ref.position)
        moved = seal.route(look.position.folder)
        return replace(
            done,
            tags=tuple(sorted(tag for tag in look.tags if seal.tag(tag))),
            route=look.position.folder if moved else None,
            route_before=before.folder if moved and before else None,
            position=str(look.position),
        )

    def _route_of(self, seal: Seal) -> str | None:
        if not seal.routed:
            return None
        folders = (str(name) for _, _, name in self._session.call("list_folders"))
        return next((name for name in folders if seal.route(name)), None)

    def undo(self, ref: MessageRef, receipt: Receipt) -> None:
        """Take back what stands as we left it."""
        self._keeper.learn(receipt.tags)
        place = Position.parse(receipt.position or ref.position)
        look = self._finder.at_position(place, ref.ticket) if place else None
        if look:
            self._keeper.remove(look.position.uid, tuple(t for t in receipt.tags if t in look.tags))
            if receipt.route_before and receipt.route == look.position.folder:
                self._mover.move(look.position.uid, receipt.route_before)
        if receipt.note_id:
            self._drafts.remove(ref.key)
