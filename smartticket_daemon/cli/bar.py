"""How long work fares: a bar on standard error, waits told in words; and the words of estimates."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smartticket_daemon.backfilling import TICK
from smartticket_daemon.cli.common import say
from smartticket_daemon.service import Stop


class Bar:
    """Shown on a terminal only; elsewhere each wait is a line."""

    def __init__(self, stop: Stop, *, hidden: bool = False) -> None:
        self._stop = stop
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=hidden or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("reading")
        self._waiting = ""

    @property
    def shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return not self._bar.disable

    def show(
        self, text: str | None = None, *, completed: float | None = None, total: int | None = None
    ) -> None:
        """What is being done, and how far it came."""
        if total is not None:
            self._bar.update(self._task, total=total)
        self._bar.update(self._task, completed=completed, description=text)
        self._waiting = ""

    def wait(self, until: datetime, reason: str) -> None:
        """Return at `until`, or as soon as a stop was asked for."""
        seconds = (until - datetime.now(UTC)).total_seconds()
        text = f"waiting until {until.astimezone():%H:%M:%S} ({reason})"
        self._bar.update(self._task, description=text)
        if not self.shown and seconds > TICK.total_seconds() and text != self._waiting:
            say(text)
        self._waiting = text
        self._stop.wait(max(seconds, 0.0))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def since_words(since: datetime | None) -> str:
    """Which tickets are meant."""
    return f", tickets created since {since:%Y-%m-%d %H:%M} UTC" if since else ""


def number(count: int | None, what: str, before: str = "") -> str:
    """An estimated count."""
    if count is None:
        return "" if before else f"nobody knows how many {what}"
    return f"{before}about {count:,} {what}"


def duration(minutes: int | None) -> str:
    """An estimated time."""
    if minutes is None:
        return "as fast as the source answers"
    return f"about {minutes:,} min at the account's budget"


def counted(counts: Mapping[str, int]) -> str:
    """`applied 25, abstained 3`."""
    return ", ".join(f"{word} {count:,}" for word, count in counts.items())
