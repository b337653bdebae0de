"""Pull: the tickets that people have solved, with the category that they gave them, into a training file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from smartticket_daemon.backfilling import Estimate, ageless
from smartticket_daemon.domain import Batch, Cursor, Message
from smartticket_daemon.errors import CursorExpired
from smartticket_daemon.filters import normal_address, reason_to_skip
from smartticket_daemon.history.labels import Labels, Ours, ours_among
from smartticket_daemon.history.recalling import Wait, as_if_new, extent_of, recall
from smartticket_daemon.history.training_file import Reached, TrainingFile
from smartticket_daemon.judge import text_of
from smartticket_daemon.pipeline import Source

log = structlog.get_logger()

NOT_SOLVED, UNREADABLE = "not_solved", "unreadable"
Row = dict[str, str | None]


class Pull:
    """One run, which writes at most `limit` rows. Raises what `recall` raises."""

    def __init__(
        self, source: Source, labels: Labels, file: TrainingFile, since: datetime | None, limit: int | None
    ) -> None:
        self.source = source
        self.labels = labels
        self.since = since
        self.limit = limit
        self.new = 0
        self.reached = Reached({})
        """How far the file came; set to what its note says before a run."""
        self._file = file
        self._names: set[str] = set()
        self._rules = ageless(source.judge.rules, source.clock())

    @property
    def wanted(self) -> dict[str, str]:
        """What was asked for; the file's note holds it."""
        since = self.since.isoformat() if self.since else ""
        return {"source": self.source.name, "label": str(self.labels), "since": since}

    def estimate(self) -> Estimate:
        """What is left to read; asks the source."""
        return Estimate.of(extent_of(self.source, self.since), 0.0, self.reached.read, None)

    def run(self, moved: Callable[[Reached], None], wait: Wait) -> None:
        """On from what was `reached`, until all is read, the limit is met, or a stop was asked for."""
        self._names = self._file.names()
        try:
            self._read(moved, wait)
        except CursorExpired as error:
            log.error("cursor_expired", source=self.source.name, error=str(error))
            self.reached = replace(self.reached, cursor=None, left_out={})
            self._read(moved, wait)

    def _read(self, moved: Callable[[Reached], None], wait: Wait) -> None:
        cursor = Cursor(self.reached.cursor) if self.reached.cursor else None
        for batch in recall(self.source, cursor, self.since, wait):
            self._take(batch)
            moved(self.reached)
            if self.new == self.limit:
                return
        if not self.source.stopping():
            self._note(replace(self.reached, finished=True))

    def _take(self, batch: Batch) -> None:
        """One batch into the file. One that a limit cuts is met again by the next run."""
        rows, left_out = self._rows(batch.messages)
        room = None if self.limit is None else self.limit - self.new
        whole = room is None or len(rows) <= room
        rows = rows[:room]
        size = self._file.add(rows)
        self.new += len(rows)
        self._names |= {str(row["id"]) for row in rows}
        reached = replace(self.reached, size=size, written=self.reached.written + len(rows))
        if whole:
            left_out += Counter({UNREADABLE: len(batch.unreadable)})
            reached = replace(
                reached, cursor=batch.cursor, left_out=dict(Counter(self.reached.left_out) + left_out)
            )
        self._note(reached)
        log.info("past_read", source=self.source.name, tickets=len(batch.messages), rows=len(rows))

    def _note(self, reached: Reached) -> None:
        self._file.note(reached)
        self.reached = reached

    def _rows(self, messages: Iterable[Message]) -> tuple[list[Row], Counter[str]]:
        """The rows that are not in the file yet, and how many tickets make none for which reason."""
        new = {name_of(m): m for m in messages if name_of(m) not in self._names}
        tickets = {message.ref.ticket for message in new.values()}
        ours = ours_among(self.source.journal, self.source.name, tickets, self.labels.policy)
        found = [self._row(message, ours.get(message.ref.ticket, Ours())) for message in new.values()]
        return [r for r in found if not isinstance(r, str)], Counter(r for r in found if isinstance(r, str))

    def _row(self, message: Message, ours: Ours) -> Row | str:
        """One line of the file, or the reason why there is none."""
        if reason := reason_to_skip(as_if_new(message, self.labels.policy), self._rules):
            return reason
        if message.number and not message.status.ended:
            return NOT_SOLVED  # mails, which have no number, have no such state either
        given = self.labels.given(message, ours)
        if given.label is None:
            return given.missing
        named = self.labels.categories(given.label)
        return {
            "id": name_of(message),
            "subject": message.subject,
            "body": text_of(message),
            "label": named[0] if len(named) == 1 else given.label,
            "group": self._sender(message),
            "created": message.created.isoformat(),
        }

    def _sender(self, message: Message) -> str:
        """Equal for tickets of one requester, and no address."""
        who = normal_address(message.requester.address) or message.ref.ticket
        return hashlib.sha256(f"{self.source.name}\x1f{who}".encode("utf-8", "replace")).hexdigest()[:16]


def name_of(message: Message) -> str:
    """A ticket as people know it; a mail by its lasting identity."""
    return message.number or message.ref.ticket
