"""What an operator sees of a walk through the past: the estimate, how it fares, what came of it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smartticket_daemon.backfilling import TICK, Estimate, Walk
from smartticket_daemon.cli.common import print_json, say
from smartticket_daemon.cli.dry_run import print_proposals, proposal
from smartticket_daemon.domain import Mode
from smartticket_daemon.judge import Verdict
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import DONE
from smartticket_daemon.ports import LEDGER_WORDS
from smartticket_daemon.service import Stop

_WRITES = {
    None: "nothing is written (dry run)",
    Mode.OBSERVE: "nothing is written (mode observe)",
    Mode.TAG: "tags and routes are written (mode tag)",
    Mode.SUGGEST: "tags, routes and internal notes are written (mode suggest)",
}


class View:
    """Messages and a bar on standard error, the bar on a terminal only; results on standard output."""

    def __init__(self, stop: Stop, *, dry_run: bool, as_json: bool) -> None:
        self._stop = stop
        self._dry_run = dry_run
        self._as_json = as_json
        tables = dry_run and not as_json and sys.stdout.isatty()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=tables or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("reading")
        self._verdicts: list[Verdict] = []
        self._outcomes: Counter[str] = Counter()
        self._before: Counter[str] = Counter()
        self._waiting = ""

    def announce(self, walk: Walk) -> None:
        """What is to come, before anything is done."""
        self._before = _counts(walk.source)
        if done := walk.reached.finished:
            waiting = self._before["pending"]
            rest = f"; {waiting:,} wait to be delivered" if waiting else ""
            say(f"all was met by {done:%Y-%m-%d %H:%M} UTC{rest}; --again begins at the newest again")
            return
        say(f"Backfill of {walk.source.name} ({walk.source.connector.kind}), newest first{_since(walk)}")
        if until := walk.held_until:
            say(f"  no estimate: the account asked us to wait until {until.astimezone():%H:%M:%S}")
        else:
            self._tell(walk, walk.estimate())
        say(f"  {_WRITES[None if self._dry_run else walk.source.judge.policy.mode]}")

    def _tell(self, walk: Walk, estimate: Estimate) -> None:
        self._bar.update(self._task, total=estimate.tickets)
        if self._as_json:
            since = walk.since.isoformat() if walk.since else None
            told = {"source": walk.source.name, "since": since, "before": walk.reached.tickets}
            print_json({"estimate": {**told, **asdict(estimate)}})
        tickets, calls = _number(estimate.tickets, "tickets"), _number(estimate.calls, "calls", ", ")
        say(f"  {tickets}{_earlier(walk)}{calls}, {_duration(estimate.minutes)}")

    def verdict(self, _source: str, verdict: Verdict) -> None:
        """One proposal of a dry run."""
        self._verdicts.append(verdict)

    def moved(self, walk: Walk) -> None:
        """See `Watcher.moved`."""
        self._show(walk.source)
        counts = _counts(walk.source) - self._before
        told = ", ".join(f"{word} {counts[word]:,}" for word in ("applied", "abstained") if counts[word])
        self._bar.update(self._task, completed=walk.met - counts["pending"], description=told or "reading")
        self._waiting = ""

    def _show(self, source: Source) -> None:
        rows = [proposal(source.name, verdict, source) for verdict in self._verdicts]
        self._verdicts = []
        self._outcomes.update(
            f"skipped ({row['skipped']})" if row["skipped"] else row["decision"] for row in rows
        )
        if self._as_json:
            for row in rows:
                print_json(row)
        elif rows:
            print_proposals(rows)

    def wait(self, until: datetime, reason: str) -> None:
        """See `Watcher.wait`."""
        seconds = (until - datetime.now(UTC)).total_seconds()
        text = f"waiting until {until.astimezone():%H:%M:%S} ({reason})"
        self._bar.update(self._task, description=text)
        if self._bar.disable and seconds > TICK.total_seconds() and text != self._waiting:
            say(text)
        self._waiting = text
        self._stop.wait(max(seconds, 0.0))

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def conclude(self, walk: Walk, code: int) -> None:
        """What came of it, and how it goes on."""
        found = self._outcomes if self._dry_run else _counts(walk.source) - self._before
        end = self._end(walk, code)
        if self._as_json:
            told = {"source": walk.source.name, "met": walk.met, "known": walk.met - walk.new}
            print_json({"backfill": {**told, **found, "finished": walk.finished, "end": end}})
            return
        known = f", {walk.met - walk.new:,} of them known" if walk.met > walk.new else ""
        typer.echo(f"{walk.source.name}: {walk.met:,} tickets looked at{known}")
        if found:
            typer.echo("  " + ", ".join(f"{word} {number:,}" for word, number in found.items()))
        typer.echo(end)

    def _end(self, walk: Walk, code: int) -> str:
        goes_on = "the same command goes on where it stopped"
        if code == DONE and walk.finished:
            return f"finished, nothing is left{_since(walk)}"
        if code == DONE:
            return "limit reached" if self._dry_run else f"limit reached; {goes_on}"
        error = walk.source.journal.health(walk.source.name).error
        return f"stopped: {goes_on}" if self._stop() or not error else f"{error}; {goes_on}"


def _counts(source: Source) -> Counter[str]:
    """The words of the ledger but `seen`, those skipped by their reasons."""
    ledger = source.journal.ledger().get(source.name, {})
    counts = Counter({word: ledger.get(word, 0) for word in LEDGER_WORDS if word not in ("seen", "skipped")})
    reasons = source.journal.reasons().get(source.name, {})
    return counts + Counter({f"skipped ({reason})": number for reason, number in reasons.items()})


def _since(walk: Walk) -> str:
    return f", tickets created since {walk.since:%Y-%m-%d %H:%M} UTC" if walk.since else ""


def _earlier(walk: Walk) -> str:
    return f" left, {walk.reached.tickets:,} were met by earlier runs" if walk.reached.tickets else ""


def _number(number: int | None, what: str, before: str = "") -> str:
    if number is None:
        return "" if before else f"nobody knows how many {what}"
    return f"{before}about {number:,} {what}"


def _duration(minutes: int | None) -> str:
    if minutes is None:
        return "as fast as the source answers"
    return f"about {minutes:,} min at the account's budget"
