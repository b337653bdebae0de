"""recognise(): which messages of a batch are new, which have come back, which were delivered twice.

A message that turns up at a new position is the one we know when its old position is empty (somebody
moved it, or the mailbox was renumbered); while the old one is still there it is a second delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from smartticket_daemon.domain import Batch, Key, Message, MessageRef, State, Unreadable
from smartticket_daemon.errors import Overtaken, RejectedError
from smartticket_daemon.ports import Connector, Journal, Known, ReportsState


@dataclass(frozen=True, slots=True)
class Recognised:
    """A batch sorted out. `threads` are the fingerprints that count as known messages here."""

    fresh: tuple[Message, ...]
    duplicates: tuple[Message, ...]
    unreadable: tuple[Unreadable, ...]
    moved: dict[Key, str]
    threads: frozenset[str]


def recognise(source: str, batch: Batch, connector: Connector, journal: Journal) -> Recognised:
    """Compare a batch with the journal (and, where positions differ, with the remote)."""
    refs = [m.ref for m in batch.messages] + [bad.ref for bad in batch.unreadable]
    memory = _Memory(journal.known(source, {ref.ticket for ref in refs}), connector)
    memory.look(refs)
    fresh, duplicates = [], []
    for message in batch.messages:
        copies = memory.admit(message.ref)
        if copies == 0:
            fresh.append(message)
        elif copies:
            ref = replace(message.ref, message=f"{message.ref.message}#{copies + 1}")
            duplicates.append(replace(message, ref=ref))
    unreadable = tuple(bad for bad in batch.unreadable if memory.admit(bad.ref) == 0)
    answered = {a for m in batch.messages for a in m.answers}
    threads = journal.threads(source, answered) | (answered & {r.message for r in refs})
    return Recognised(tuple(fresh), tuple(duplicates), unreadable, memory.moved, frozenset(threads))


class _Memory:
    """Known deliveries of each message: where each lies, and whether it is still there."""

    def __init__(self, known: Sequence[Known], connector: Connector) -> None:
        self._connector = connector
        self._known: dict[tuple[str, str], list[Known]] = {}
        for item in known:
            self._known.setdefault(_identity(item.ref, item.duplicate), []).append(item)
        self._places = {(k, item.ref.position) for k, items in self._known.items() for item in items}
        self._gone: set[Key] = set()
        self._counted: dict[tuple[str, str], int] = {k: len(v) for k, v in self._known.items()}
        self.moved: dict[Key, str] = {}

    def look(self, refs: Iterable[MessageRef]) -> None:
        """Ask the remote, at once, about every known message that a ref meets at another position."""
        if not isinstance(self._connector, ReportsState):
            return
        doubtful: dict[Key, Known] = {}
        for ref in refs:
            items = self._known.get((ref.ticket, ref.message), [])
            if all(item.ref.position != ref.position for item in items):
                doubtful |= {item.key: item for item in items}
        if doubtful:
            states = self._connector.current([item.ref for item in doubtful.values()])
            pairs = zip(doubtful.values(), states, strict=True)
            left = [item for item, state in pairs if not state.exists]
            self._gone = {item.key for item in left if not self._is_where_we_moved_it(item)}

    def _is_where_we_moved_it(self, item: Known) -> bool:
        """Our own move may be what emptied its position, if we never got to note where it went."""
        if item.state not in (State.PENDING, State.SENDING):
            return False
        try:
            receipt = self._connector.applied(item.ref, item.key)
        except (Overtaken, RejectedError):
            return False
        if receipt is None or receipt.position in (None, item.ref.position):
            return False
        self.moved[item.key] = receipt.position
        self._places.add((_identity(item.ref, item.duplicate), receipt.position))
        return True

    def admit(self, ref: MessageRef) -> int | None:
        """0 for a new message, n for a further delivery beside n others, None for one that we know."""
        identity = (ref.ticket, ref.message)
        items = self._known.get(identity, [])
        place = (identity, ref.position)
        if place in self._places:
            return None
        self._places.add(place)
        if back := next((item for item in items if item.key in self._gone), None):
            self._gone.discard(back.key)
            self.moved[back.key] = ref.position
            return None
        if items and not isinstance(self._connector, ReportsState):
            return None
        copies = self._counted.get(identity, 0)
        self._counted[identity] = copies + 1
        return copies


def _identity(ref: MessageRef, duplicate: bool) -> tuple[str, str]:
    return ref.ticket, ref.message.rpartition("#")[0] if duplicate else ref.message
