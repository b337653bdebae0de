"""`smartticket explain`: why a message was triaged as it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartticket_daemon.cli.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.ports import Record
    from smartticket_model import Model

MOST_SHOWN = 20
NO_REASONS: dict[str, Any] = {"why": [], "runner_up": None}


def explain(
    message: Annotated[
        str, typer.Argument(metavar="ID", help="A key (or its beginning), ticket or message.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why a message was triaged as it was: the decision, what was changed, and the words that decided."""
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_daemon.journal import journal_exists, open_journal

    configuration = load_settings(config)
    state_dir = configuration.settings.daemon.state_dir
    records: list[Record] = []
    if journal_exists(state_dir):
        journal = open_journal(state_dir)
        try:
            records = journal.find(message)
        finally:
            journal.close()
    if not records:
        raise SmartTicketError(f"no message {message!r} in the journal")
    for record in records:
        _explain(record, configuration, as_json=as_json)


def _explain(record: Record, configuration: Configuration, *, as_json: bool) -> None:
    reasons, trouble = _reasons(record, configuration)
    decision = record.decision
    shown = {
        "key": record.key,
        "source": record.ref.source,
        "ticket": record.ref.ticket,
        "state": record.state.value,
        "decision": decision.action.value,
        "reason": decision.reason,
        "category": decision.category,
        "confidence": decision.confidence,
        "threshold": decision.threshold,
        "language": decision.language,
        "model": record.model,
        "attempts": record.attempts,
        "error": record.error,
        "changed": _changed(record),
        **reasons,
        "trouble": trouble,
    }
    if as_json:
        print_json(shown)
        return
    told = {k: v for k, v in shown.items() if k not in reasons and v not in (None, "")}
    rows = [[k, f"{v:.3f}" if isinstance(v, float) else str(v)] for k, v in told.items()]
    print_table("", ["", "value"], rows)
    print_reasons(reasons)
    if trouble:
        say(f"smartticket: its terms cannot be shown: {trouble}")


def _changed(record: Record) -> dict[str, Any] | None:
    if (receipt := record.receipt) is None:
        return None
    return {
        "tags": list(receipt.tags),
        "route": receipt.route,
        "route_before": receipt.route_before,
        "note_id": receipt.note_id,
    }


def _reasons(record: Record, configuration: Configuration) -> tuple[dict[str, Any], str]:
    """By the model that decided; the journal keeps no text, so the message is read again from its source."""
    from smartticket_daemon.assemble import load_decider, load_model
    from smartticket_daemon.errors import SmartTicketError
    from smartticket_daemon.judge import text_of
    from smartticket_daemon.registry import connector_class

    own = configuration.sources.get(record.ref.source)
    if own is None:
        return NO_REASONS, "its source is not in the settings any more"
    connector = connector_class(own.kind)(record.ref.source, own)
    try:
        settings = configuration.settings
        model = load_decider(settings, record.model) if record.model else load_model(settings)
        message = connector.read(record.ref)
        return reasons_of(model, message.subject, text_of(message)), ""
    except SmartTicketError as error:
        return NO_REASONS, str(error)
    finally:
        connector.close()


def reasons_of(model: Model, subject: str, body: str) -> dict[str, Any]:
    """What each term adds to the best category and to the runner-up, exactly, strongest first."""
    probabilities = model.predict(subject, body).probabilities
    best, second = sorted(probabilities, key=lambda label: -probabilities[label])[:2]
    return {
        "why": _terms(model.explain(subject, body, best)),
        "runner_up": {
            "label": second,
            "confidence": probabilities[second],
            "why": _terms(model.explain(subject, body, second)),
        },
    }


def _terms(contributions: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"term": term, "contribution": weight} for term, weight in contributions]


def print_reasons(reasons: dict[str, Any]) -> None:
    """As tables, the strongest terms alone."""
    tables = [("Why", reasons["why"])]
    if other := reasons["runner_up"]:
        tables.append((f"Why not {other['label']} ({other['confidence']:.3f})", other["why"]))
    for title, terms in tables:
        rows = [[t["term"], f"{t['contribution']:+.3f}"] for t in terms[:MOST_SHOWN]]
        print_table(title, ["term", "contribution"], rows)
