"""What an operator sees of a walk through the past: the estimate, how it fares, what came of it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict

import typer

from smartticket_daemon.backfilling import Estimate, Walk
from smartticket_daemon.cli.bar import Bar, counted, duration, number, since_words
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


class View(Bar):
    """Messages and a bar on standard error, the bar on a terminal only; results on standard output."""

    def __init__(self, stop: Stop, *, dry_run: bool, as_json: bool) -> None:
        super().__init__(stop, hidden=dry_run and not as_json and sys.stdout.isatty())
        self._dry_run = dry_run
        self._as_json = as_json
        self._verdicts: list[Verdict] = []
        self._outcomes: Counter[str] = Counter()
        self._before: Counter[str] = Counter()

    def announce(self, walk: Walk) -> None:
        """What is to come, before anything is done."""
        self._before = _counts(walk.source)
        if done := walk.reached.finished:
            waiting = self._before["pending"]
            rest = f"; {waiting:,} wait to be delivered" if waiting else ""
            say(f"all was met by {done:%Y-%m-%d %H:%M} UTC{rest}; --again begins at the newest again")
            return
        kind, since = walk.source.connector.kind, since_words(walk.since)
        say(f"Backfill of {walk.source.name} ({kind}), newest first{since}")
        if until := walk.source.held_until:
            say(f"  no estimate: the account asked us to wait until {until.astimezone():%H:%M:%S}")
        else:
            self._tell(walk, walk.estimate())
        say(f"  {_WRITES[None if self._dry_run else walk.source.judge.policy.mode]}")

    def _tell(self, walk: Walk, estimate: Estimate) -> None:
        self.show(total=estimate.tickets)
        if self._as_json:
            since = walk.since.isoformat() if walk.since else None
            told = {"source": walk.source.name, "since": since, "before": walk.reached.tickets}
            print_json({"estimate": {**told, **asdict(estimate)}})
        tickets, calls = number(estimate.tickets, "tickets"), number(estimate.calls, "calls", ", ")
        say(f"  {tickets}{_earlier(walk)}{calls}, {duration(estimate.minutes)}")

    def verdict(self, _source: str, verdict: Verdict) -> None:
        """One proposal of a dry run."""
        self._verdicts.append(verdict)

    def moved(self, walk: Walk) -> None:
        """See `Watcher.moved`."""
        self._show_verdicts(walk.source)
        counts = _counts(walk.source) - self._before
        told = ", ".join(f"{word} {counts[word]:,}" for word in ("applied", "abstained") if counts[word])
        self.show(told or "reading", completed=walk.met - counts["pending"])

    def _show_verdicts(self, source: Source) -> None:
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
            typer.echo("  " + counted(found))
        typer.echo(end)

    def _end(self, walk: Walk, code: int) -> str:
        goes_on = "the same command goes on where it stopped"
        if code == DONE and walk.finished:
            return f"finished, nothing is left{since_words(walk.since)}"
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


def _earlier(walk: Walk) -> str:
    return f" left, {walk.reached.tickets:,} were met by earlier runs" if walk.reached.tickets else ""
