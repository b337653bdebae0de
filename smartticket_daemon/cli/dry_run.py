"""The dry run: ingest into a scratch journal, print what would be done, deliver nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartticket_daemon.cli.common import print_json, print_table

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.judge import Verdict
    from smartticket_daemon.pipeline import Source
    from smartticket_daemon.ports import Journal

SUBJECT = 60
"""Subjects are cut to this many characters."""


def rehearse(configuration: Configuration, *, once: bool, as_json: bool) -> int:
    """Show proposed routings, once or for every poll until stopped; returns the exit code."""
    from smartticket_daemon.assemble import prepare
    from smartticket_daemon.runner import Daemon, run_once
    from smartticket_daemon.service import Stop

    stop = Stop()
    stop.install()
    proposals: list[dict[str, Any]] = []
    with scratch_journal(configuration) as journal:

        def show(name: str, verdict: Verdict) -> None:
            row = proposal(name, verdict, by_name[name])
            print_json(row) if as_json else proposals.append(row)

        sources = prepare(configuration, journal, stop, show)
        by_name = {source.name: source for source in sources}

        def one_round(source: Source) -> int:
            code = look(source)
            if not as_json and proposals:
                print_proposals(proposals)
                proposals.clear()
            return code

        if once:
            return run_once(sources, one_round)
        interval = configuration.settings.daemon.poll_interval.total_seconds()
        return Daemon(sources, interval, stop, one_round).run()


@contextmanager
def scratch_journal(configuration: Configuration) -> Iterator[Journal]:
    """A copy of the journal that nobody will miss."""
    from smartticket_daemon.journal import open_journal, scratch_copy

    with tempfile.TemporaryDirectory(prefix="smartticket-dry-run-") as scratch:
        scratch_copy(configuration.settings.daemon.state_dir, Path(scratch))
        journal = open_journal(Path(scratch))
        try:
            yield journal
        finally:
            journal.close()


def look(source: Source) -> int:
    """Ingest only; trouble is told and turned into the exit code."""
    from smartticket_daemon.cli.common import say
    from smartticket_daemon.errors import JournalError, SmartTicketError
    from smartticket_daemon.pipeline import ingest

    try:
        ingest(source)
    except JournalError:
        raise
    except SmartTicketError as error:
        say(f"smartticket: {source.name}: {error}")
        source.connector.close()
        return error.exit_code
    return 0


def proposal(name: str, verdict: Verdict, source: Source) -> dict[str, Any]:
    """One message as the dry run shows it."""
    from smartticket_daemon.domain import Action

    decision, triage = verdict.decision, verdict.triage
    skipped = decision.action is Action.SKIP
    return {
        "source": name,
        "ticket": verdict.message.ref.ticket,
        "subject": " ".join(verdict.message.subject.split())[:SUBJECT],
        "category": decision.category,
        "confidence": decision.confidence,
        "decision": decision.action.value,
        "tags": list(triage.tags),
        "route": triage.route,
        "reply": triage.note.name if triage.note else None,
        "why": decision.reason if skipped else why(source, verdict),
        "skipped": decision.reason if skipped else None,
    }


def why(source: Source, verdict: Verdict) -> str:
    """The text's own terms that speak most for the category; for an abstention also its reason."""
    from smartticket_daemon.domain import Action
    from smartticket_daemon.judge import telling, text_of

    message = verdict.message
    terms = source.present().judge.classifier().explain(message.subject, text_of(message))
    named = ", ".join(telling(terms))
    if verdict.decision.action is Action.ABSTAIN:
        return f"{verdict.decision.reason}: {named}" if named else verdict.decision.reason
    return named


def print_proposals(rows: list[dict[str, Any]]) -> None:
    """The proposals as a table."""
    columns = ("source", "ticket", "subject", "category", "confidence", "tags", "route", "reply", "why")
    print_table("Proposed routings (dry run: nothing was changed)", columns, [_cells(r) for r in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    confidence = "" if row["confidence"] is None else f"{row['confidence']:.2f}"
    reason = f"skipped: {row['skipped']}" if row["skipped"] else row["why"]
    category = row["category"] or "-"
    return [
        row["source"],
        row["ticket"][:12],
        row["subject"],
        category,
        confidence,
        " ".join(row["tags"]),
        row["route"] or "",
        row["reply"] or "",
        reason,
    ]
