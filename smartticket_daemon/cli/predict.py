"""`smartticket predict`: what the model makes of a text, of standard input, or of a file's rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, load_settings, print_json, print_table
from smartticket_daemon.cli.explain import print_reasons, reasons_of

if TYPE_CHECKING:
    from smartticket_daemon.domain import Decision, Message, Prediction
    from smartticket_daemon.policy import Policy
    from smartticket_daemon.replies import Replies
    from smartticket_model import Model

CHUNK = 256


def predict(
    text: Annotated[str | None, typer.Argument(help="The message, or - for standard input.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A .csv or .jsonl file, plain or .gz.")] = None,
    text_column: Annotated[str | None, typer.Option("--text", help="Its text column.")] = None,
    subject_column: Annotated[str | None, typer.Option("--subject", help="Its subject column.")] = None,
    body_column: Annotated[str | None, typer.Option("--body", help="Its body column.")] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="The file's encoding.")] = "utf-8",
    model: Annotated[Path | None, typer.Option("--model", help="The model's folder.")] = None,
    why: Annotated[bool, typer.Option("--why", help="With the words that speak for it.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Category, confidence and suggested reply of one message, or of every row of a file."""
    if (text is None) == (data is None):
        raise typer.BadParameter("give either a text (or -) or --data FILE")
    if data is None and (text_column or subject_column or body_column):
        raise typer.BadParameter("--text, --subject and --body name columns of --data FILE")
    if data and bool(text_column) == bool(subject_column and body_column):
        raise typer.BadParameter("with --data name --text COL, or --subject COL and --body COL")
    oracle = _Oracle(config, model, why=why)
    if data is None:
        answers = oracle.answers(iter([("", _standard_input() if text == "-" else text or "")]))
    else:
        columns = [text_column] if text_column else [subject_column, body_column]
        answers = oracle.answers(_pairs(data, [c for c in columns if c], encoding))
    for answer in answers:
        print_json(answer) if as_json or data else _print_answer(answer)


def _standard_input() -> str:
    """One message, read as a data file is: without byte order mark and NUL."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace").replace("\0", "")


def _pairs(data: Path, columns: list[str], encoding: str) -> Iterator[tuple[str, str]]:
    from smartticket_training.tables import read_rows

    for row in read_rows(data, columns, encoding):
        subject, body = ["", *(row.cells[column] for column in columns)][-2:]
        yield subject, body


class _Oracle:
    """The model with the policy and the replies that the settings give it."""

    def __init__(self, config: Path | None, model: Path | None, *, why: bool) -> None:
        from smartticket_daemon.assemble import load_model, load_replies, policy_for
        from smartticket_daemon.source_settings import SourceSettings
        from smartticket_model import load

        self._why = why
        settings = load_settings(config).settings
        self._model: Model = load(model) if model else load_model(settings)
        self._policy: Policy = policy_for(settings, SourceSettings(kind="text"), self._model)
        self._replies: Replies = load_replies(settings)
        self._unanswered = frozenset(self._replies.missing(self._model.categories))

    def answers(self, pairs: Iterator[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """One answer for each (subject, body), in order, a chunk at a time."""
        while chunk := list(islice(pairs, CHUNK)):
            for pair, prediction in zip(chunk, self._model.predict_many(chunk), strict=True):
                yield self._answer(pair, prediction)

    def _answer(self, pair: tuple[str, str], prediction: Prediction) -> dict[str, Any]:
        from smartticket_daemon.domain import Action
        from smartticket_daemon.policy import decide

        message = _message(*pair)
        decision = decide(message, prediction, self._policy)
        if not "".join(pair).strip():
            decision = _empty(decision)
        reply = None
        if decision.action is Action.APPLY and prediction.label not in self._unanswered:
            reply = self._replies.note(prediction.label, prediction.language, message).body
        return {
            "label": prediction.label,
            "confidence": prediction.confidence,
            "decision": decision.action.value,
            "reason": decision.reason,
            "probabilities": dict(prediction.probabilities),
            "suggested_response": reply,
            **(reasons_of(self._model, *pair) if self._why else {}),
        }


def _message(subject: str, body: str) -> Message:
    from datetime import UTC, datetime

    from smartticket_daemon.domain import Message, MessageRef

    return Message(MessageRef("predict", "", ""), subject, body, datetime.now(UTC))


def _empty(decision: Decision) -> Decision:
    from dataclasses import replace

    from smartticket_daemon.domain import Action

    return replace(decision, action=Action.ABSTAIN, reason="empty")


def _print_answer(answer: dict[str, Any]) -> None:
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    print_table("", ["category", "probability"], [[name, f"{p:.3f}"] for name, p in ranked])
    typer.echo(f"decision: {answer['decision']} ({answer['reason']})")
    if "why" in answer:
        print_reasons(answer)
    if answer["suggested_response"]:
        typer.echo(f"suggested reply:\n\n{answer['suggested_response']}")
