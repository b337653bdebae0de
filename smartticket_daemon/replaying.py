"""replay(): quarantined work is put back in line."""

from __future__ import annotations

from smartticket_daemon.domain import Message
from smartticket_daemon.entries import entry_of
from smartticket_daemon.errors import SmartTicketError
from smartticket_daemon.judge import Verdict
from smartticket_daemon.pipeline import Source
from smartticket_daemon.ports import Quarantined


def replay(source: Source, item: Quarantined) -> bool:
    """Put one quarantined message back in line.

    A decision that was made stands, but is planned anew: the settings may have been mended since. Where the
    message cannot be read for that, the old plan serves. One that was never judged is judged now.
    Raises Overtaken when such a message is gone, RejectedError when it still cannot be read.
    """
    now = source.clock()
    try:
        message = source.connector.read(item.ref)
    except SmartTicketError:
        if source.journal.replay(item.key, now):
            return True
        raise
    entry = entry_of(_judged_again(source, item, message), source.connector, source.judge.policy)
    return source.journal.replay(item.key, now, entry)


def _judged_again(source: Source, item: Quarantined, message: Message) -> Verdict:
    record = next(r for r in source.journal.find(item.key) if r.key == item.key)
    if record.decision.category in source.judge.policy.categories:
        return source.judge.planned(message, record.decision, record.model)
    threads = source.journal.threads(source.name, message.answers)
    return next(iter(source.judge([message], frozenset(threads), source.clock())))
