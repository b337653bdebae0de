"""What agents taught, read again from the sources: the journal knows their opinions and keeps no text."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smartticket_daemon.backoff import LONGEST_ASKED
from smartticket_daemon.cli.common import load_settings, say
from smartticket_daemon.domain import Message, Opinion
from smartticket_daemon.errors import ConfigurationError, Overtaken, RateLimited, RejectedError
from smartticket_daemon.judge import text_of
from smartticket_daemon.ports import Connector, Journal, Judged
from smartticket_training.feedback import HUMAN, Lesson

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration

PAUSE = 60.0
"""Seconds to wait where a service asks to slow down and does not say for how long."""


@dataclass(slots=True)
class Reading:
    """The lessons that could be read, and how many could not, by reason."""

    lessons: list[Lesson] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)


def lessons_of(config: Path | None, trust: Sequence[str] = (), *, confirmations: bool) -> list[Lesson]:
    """The lessons of all sources of the settings; what could not be read is told on standard error.

    `trust` are keys, or beginnings of keys, of messages whose senders the operator trusts.

    Raises ConfigurationError where nothing ever ran, and what a source raises that cannot be asked.
    """
    from smartticket_daemon.journal import journal_exists, open_journal

    configuration = load_settings(config)
    state_dir = configuration.settings.daemon.state_dir
    if not journal_exists(state_dir):
        raise ConfigurationError(f"nothing ran yet: {state_dir} holds no journal, so there is no feedback")
    journal = open_journal(state_dir)
    try:
        with _connectors(configuration) as connectors:
            reading = read_lessons(journal, connectors, confirmations=confirmations)
    finally:
        journal.close()
    for reason, number in sorted(reading.missing.items()):
        say(f"feedback: {number} left out, {reason}")
    return [replace(own, trusted=own.key.startswith(tuple(trust))) for own in reading.lessons]


def read_lessons(
    journal: Journal,
    connectors: Mapping[str, Connector],
    *,
    confirmations: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> Reading:
    """Read every ticket again that people decided about; those that are gone are counted.

    Where a service asks to slow down, it is waited for; any other trouble of a source is raised.
    """
    wanted = (*HUMAN, Opinion.CONFIRMED) if confirmations else HUMAN
    reading = Reading()
    for judged in journal.feedback():
        if judged.feedback is None or judged.feedback.opinion not in wanted:
            continue
        connector = connectors.get(judged.record.ref.source)
        if connector is None:
            reading.missing["source not in the settings"] += 1
            continue
        try:
            message = _read(connector, judged, wait)
        except Overtaken:
            reading.missing["ticket gone"] += 1
        except RejectedError:
            reading.missing["unreadable"] += 1
        else:
            reading.lessons.append(_lesson(judged, message))
    return reading


def _read(connector: Connector, judged: Judged, wait: Callable[[float], None]) -> Message:
    while True:
        try:
            return connector.read(judged.record.ref)
        except RateLimited as error:
            seconds = min(error.retry_after or PAUSE, LONGEST_ASKED.total_seconds())
            say(f"{judged.record.ref.source} asks to slow down: going on in {seconds:.0f} s")
            wait(seconds)


def _lesson(judged: Judged, message: Message) -> Lesson:
    assert judged.feedback is not None  # noqa: S101 - the caller has looked
    ours = judged.record.decision.category or ""
    return Lesson(
        subject=message.subject,
        body=text_of(message),
        label=judged.feedback.label or ours,
        ours=ours,
        opinion=judged.feedback.opinion,
        sender=_nameless(message),
        created=message.created,
        key=judged.record.key,
    )


def _nameless(message: Message) -> str:
    """The same for all that one requester wrote; a ticket of an unknown one stands alone."""
    who = message.requester.address or message.requester.name or message.ref.key
    return hashlib.sha256(who.strip().lower().encode("utf-8", "surrogateescape")).hexdigest()[:16]


@contextmanager
def _connectors(configuration: Configuration) -> Iterator[dict[str, Connector]]:
    from smartticket_daemon.registry import connector_class

    made = {name: connector_class(own.kind)(name, own) for name, own in configuration.sources.items()}
    try:
        yield made
    finally:
        for connector in made.values():
            connector.close()
