"""Reads messages in batches: structure and header first, then only the parts that hold text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from smartticket_connectors.imap.border import UnparsableError
from smartticket_connectors.imap.position import Position
from smartticket_connectors.imap.session import Mailbox, Session
from smartticket_connectors.imap.structure import Leaf, leaves, wanted
from smartticket_connectors.imap.tags import Keeper
from smartticket_connectors.imap.threads import mark_follow_ups, referred
from smartticket_connectors.mail.headers import MAX_BLOCK
from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import Part, split
from smartticket_daemon.domain import Message, MessageRef, Status, Unreadable
from smartticket_daemon.errors import RejectedError, TransientError

HEADER_LIMIT = MAX_BLOCK
"""As much as the fingerprint looks at, so that it is the same wherever it is taken."""
RAW_LIMIT = 1_048_576
"""Bytes read of a whole message where its structure is of no use."""
SMALL = 65_536
"""A message up to this size that holds nothing but text is read in one piece."""
_HEADER = f"BODY.PEEK[HEADER]<0.{HEADER_LIMIT}>"
_TEXT = f"BODY.PEEK[TEXT]<0.{SMALL}>"
_RAW = f"BODY.PEEK[]<0.{RAW_LIMIT}>"
AT_ONCE = 4_194_304
"""Bytes of parts asked for in one go, all messages together."""
_ODD = (ValueError, TypeError, LookupError, RecursionError, RejectedError)

Row = dict[bytes, Any]
Content = tuple[Sequence[Part], Sequence[str]]


@dataclass(slots=True)
class _Sketch:
    """One message between the first look and the reading of its parts."""

    uid: int
    row: Row
    header: bytes
    leaves: list[Leaf] = field(default_factory=list)
    items: tuple[str, ...] = ()
    promised: int = 0
    """Bytes that the parts will bring."""
    content: Content | None = None
    """Leaves and defects, where the message had to be read as one."""

    @property
    def size(self) -> int:
        return int(self.row.get(b"RFC822.SIZE") or 0)

    @property
    def flags(self) -> set[bytes]:
        return {flag.lower() for flag in self.row.get(b"FLAGS", ()) if isinstance(flag, bytes)}


class Reader:
    """Turns UIDs of the open folder into messages; what cannot be read comes back as Unreadable."""

    def __init__(self, source: str, session: Session, keeper: Keeper) -> None:
        self._source = source
        self._session = session
        self._keeper = keeper

    def read(self, box: Mailbox, uids: Sequence[int]) -> tuple[list[Message], list[Unreadable]]:
        """Read these UIDs, in order. One that vanished is missing from both lists."""
        if self._session.enter(box.name).validity != box.validity:
            raise TransientError(f"{self._session.where}: {box.name} was renumbered meanwhile")
        sketches, lost = self._look(uids)
        messages: list[Message] = []
        for portion in _portions(sketches):
            self._fill(portion)
            for sketch in portion:
                try:
                    messages += self._message(box, sketch)
                except _ODD:
                    lost.append(sketch.uid)
                sketch.row, sketch.content = {}, None
        ids = [one for sketch in sketches for one in referred(sketch.header)]
        messages = mark_follow_ups(self._session, messages, ids)
        return messages, [self.unreadable(box, uid) for uid in lost]

    def unreadable(self, box: Mailbox, uid: int) -> Unreadable:
        """The name under which a message that cannot be read goes to quarantine."""
        position = Position(box.name, box.validity, uid)
        return Unreadable(MessageRef(self._source, position.name, position.name, str(position)), "unreadable")

    def _look(self, uids: Sequence[int]) -> tuple[list[_Sketch], list[int]]:
        items = ["INTERNALDATE", "RFC822.SIZE", "BODYSTRUCTURE", _HEADER, *self._keeper.items]
        rows, poison = self._halving(uids, items)
        sketches: list[_Sketch] = []
        lost: list[int] = []
        for uid in uids:
            sketch = _sketch(uid, rows[uid]) if uid in rows else None
            if sketch is None and (uid in rows or uid in poison):
                sketch, readable = self._look_plainly(uid)
                lost += [] if readable else [uid]
            sketches += [sketch] if sketch else []
        return sketches, lost

    def _look_plainly(self, uid: int) -> tuple[_Sketch | None, bool]:
        """Without BODYSTRUCTURE, which some servers get wrong. False: it is there and cannot be read."""
        rows, poison = self._halving([uid], ["INTERNALDATE", "RFC822.SIZE", _RAW, *self._keeper.items])
        row = rows.get(uid, {})
        raw = row.get(b"BODY[]<0>")
        if not isinstance(raw, bytes):
            return None, uid not in poison
        header, parts, defects = split(raw)
        return _Sketch(uid, row, header, content=(parts, (*defects, "structure"))), True

    def _halving(self, uids: Sequence[int], items: Sequence[str]) -> tuple[dict[int, Row], set[int]]:
        """One FETCH for all; where one message spoils the answer, ever smaller halves find it."""
        try:
            return self._session.fetch(uids, items), set()
        except UnparsableError:
            if len(uids) == 1:
                return {}, set(uids)
        middle = len(uids) // 2
        low, bad = self._halving(uids[:middle], items)
        high, worse = self._halving(uids[middle:], items)
        return low | high, bad | worse

    def _fill(self, sketches: list[_Sketch]) -> None:
        """The text parts, with one FETCH for all messages that need the same ones."""
        groups: dict[tuple[str, ...], list[_Sketch]] = {}
        for sketch in sketches:
            if sketch.items:
                groups.setdefault(sketch.items, []).append(sketch)
        for items, group in groups.items():
            rows, _ = self._halving([s.uid for s in group], items)
            for sketch in group:
                sketch.row = {**sketch.row, **rows.get(sketch.uid, {})}

    def _content(self, sketch: _Sketch) -> Content | None:
        if sketch.content is not None:
            return sketch.content
        if sketch.items == (_TEXT,):
            if text := sketch.row.get(b"BODY[TEXT]<0>"):
                return split(sketch.header + text)[1:]
        elif all(sketch.row.get(leaf.answer) for leaf in sketch.leaves if leaf.section in sketch.items):
            return [leaf.part(sketch.row.get(leaf.answer) or b"") for leaf in sketch.leaves], ()
        # a part came back empty though the structure promised content: read the message as it is
        plain, _ = self._look_plainly(sketch.uid)
        return plain.content if plain else None

    def _message(self, box: Mailbox, sketch: _Sketch) -> list[Message]:
        """The message, or none where it vanished meanwhile."""
        content = self._content(sketch)
        if content is None:
            return []
        parts, defects = content
        message = message_from(
            self._source,
            str(Position(box.name, box.validity, sketch.uid)),
            sketch.header,
            parts,
            size=sketch.size,
            received=_received(sketch.row),
            tags=self._keeper.tags(sketch.row),
            answered=b"\\answered" in sketch.flags,
            marks=frozenset({"draft"}) if b"\\draft" in sketch.flags else frozenset(),
            defects=defects,
        )
        return [replace(message, status=Status.DELETED) if b"\\deleted" in sketch.flags else message]


def _sketch(uid: int, row: Row) -> _Sketch | None:
    """What to fetch of a message; None when its structure or header is of no use."""
    header = row.get(b"BODY[HEADER]<0>")
    if not isinstance(header, bytes):
        return None
    sketch = _Sketch(uid, row, header)
    if b"\\draft" in sketch.flags:
        return sketch
    try:
        sketch.leaves = leaves(row.get(b"BODYSTRUCTURE"))
    except _ODD:
        return None
    if sketch.size > len(header) and not any(leaf.size for leaf in sketch.leaves):
        return None  # a multipart whose boundary never comes is described as empty
    chosen = wanted(sketch.leaves)
    if len(header) < sketch.size <= SMALL and len(chosen) == len(sketch.leaves):
        sketch.items, sketch.promised = (_TEXT,), sketch.size
    else:
        sketch.items = tuple(leaf.section for leaf in chosen)
        sketch.promised = sum(leaf.promised for leaf in chosen)
    return sketch


def _portions(sketches: Sequence[_Sketch]) -> Iterator[list[_Sketch]]:
    """Runs of messages whose parts together stay within AT_ONCE, as far as the server's word goes."""
    portion: list[_Sketch] = []
    for sketch in sketches:
        if portion and sum(s.promised for s in portion) + sketch.promised > AT_ONCE:
            yield portion
            portion = []
        portion.append(sketch)
    if portion:
        yield portion


def _received(row: Row) -> datetime:
    value = row.get(b"INTERNALDATE")
    return value if isinstance(value, datetime) and value.tzinfo else datetime.now(UTC)
