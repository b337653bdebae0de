"""Put the report together and write it, with the card beside the arrays of the model."""

from __future__ import annotations

from pathlib import Path

from smartticket_daemon.errors import ConfigurationError
from smartticket_model import artifact
from smartticket_training.report import answer, judgement, lists
from smartticket_training.report.card import card
from smartticket_training.report.facts import Facts
from smartticket_training.report.found import find
from smartticket_training.report.page import page


def write_report(facts: Facts, file: Path, seed: int = 0) -> None:
    """Write the report to `file`, and the card into the model's folder. Raises ConfigurationError.

    Of the tickets themselves the report shows line numbers, and words that several of them share; it lies
    outside the model's folder, which holds no word of a ticket at all. The same facts, seed and day give the
    same bytes.
    """
    name = facts.trained.folder.name or "model"
    html, words = report(facts, f"The model “{name}”", seed), card(facts, name)
    try:
        artifact.put(file, html.encode("utf-8", "replace"))
        file.chmod(0o600)  # words of customers stand in it
        artifact.put(facts.trained.folder / artifact.CARD, words.encode("utf-8", "replace"))
    except OSError as error:
        raise ConfigurationError(f"cannot write the report {file}: {error.strerror}") from None


def report(facts: Facts, title: str, seed: int = 0) -> str:
    """The report as one HTML page."""
    found = find(facts, seed)
    sections = [
        ("answer", "The short answer", answer.short_answer(facts, found)),
        ("loaded", "What was read, and cleaned", answer.loaded(facts)),
        ("balance", "How the tickets spread", answer.balance(facts)),
        ("learning", "Would more tickets help?", judgement.learning(facts, found)),
        ("confusion", "What is taken for what", judgement.mistaken(facts)),
        ("calibration", "Can you believe how sure it is?", judgement.calibration(facts)),
        ("thresholds", "When it acts, and what that costs", judgement.thresholds(facts)),
        ("words", "The words it goes by", lists.words(facts, found)),
        ("pairs", "The most confused pairs", lists.pairs(facts, found)),
        ("doubtful", "Tickets that may be labelled wrongly", lists.doubtful(facts, found)),
        ("rivals", "Against the current model, and against guessing", lists.rivals(facts, found)),
        ("settings", "Settings and versions", lists.settings(facts)),
    ]
    subtitle = f"Training report of {facts.when}. For those who know support; no statistics needed."
    return page(title, subtitle, sections)
