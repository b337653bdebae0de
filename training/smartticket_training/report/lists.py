"""The sections that list: words, confused pairs, doubtful labels, rivals, settings."""

from __future__ import annotations

from html import escape

from smartticket_training.report.facts import Facts
from smartticket_training.report.found import Found
from smartticket_training.report.page import paragraph, read, table
from smartticket_training.report.rivals import Against
from smartticket_training.report.terms import FEWEST_GROUPS, FEWEST_ROWS

MOST_SUSPECTS = 50

_FIGURES = {
    "accuracy": "right category",
    "macro_f1": "all categories counted alike (macro F1)",
    "coverage": "sure enough to act on",
    "precision": "right among those",
    "rightly_applied": "acted on, and rightly",
}


def words(facts: Facts, found: Found) -> str:
    """The most useful words and phrases of each category."""
    what = read(
        "These words speak most for each category; if one is a name, a signature or a word beside the "
        "matter, the model leans on chance: take it out of the texts, or label more different tickets."
    )
    groups = f" by {FEWEST_GROUPS} senders or threads" if facts.trained.data.groups else ""
    note = paragraph(
        f"Only words of {FEWEST_ROWS} tickets or more{groups} are shown, no addresses and no digits. Look "
        "the list through all the same before you pass this page on.",
        "soft",
    )
    rows = "".join(
        f"<tr><td>{escape(label)}</td><td>{_terms(found.terms[label])}</td></tr>" for label in facts.labels
    )
    return f'{what}{note}<div class="wide"><table><tbody>{rows}</tbody></table></div>'


def _terms(terms: list[str]) -> str:
    shown = "".join(f'<span class="term">{escape(term)}</span>' for term in terms)
    return shown or '<span class="soft">none that several tickets share</span>'


def pairs(facts: Facts, found: Found) -> str:
    """What is most often taken for what, with rows to look at."""
    if not found.pairs:
        return paragraph("No ticket was put into a wrong category.")
    rows: list[list[str | int]] = [
        [
            facts.labels[pair.true],
            facts.labels[pair.said],
            pair.count,
            f"{pair.count / (facts.truth == pair.true).sum():.0%}",
            ", ".join(facts.line(row) for row in pair.examples),
        ]
        for pair in found.pairs
    ]
    heading = ["Your agents said ", "The model said ", "Tickets", "of that category", "Look at lines "]
    return read(
        "Look up the lines in your data file: if you cannot tell either which category is right, describe "
        "the two better to your agents, or merge them."
    ) + table(heading, rows)


def doubtful(facts: Facts, found: Found) -> str:
    """Rows whose label is likely wrong."""
    if not found.suspects:
        return paragraph("No ticket stands out as labelled wrongly.")
    rows = [
        [
            facts.line(one.row),
            facts.labels[one.given],
            facts.labels[one.suggested],
            f"{one.probability_given:.0%}",
            f"{one.probability_suggested:.0%}",
        ]
        for one in found.suspects[:MOST_SUSPECTS]
    ]
    heading = ["Line ", "Label in the file ", "Likely ", "sure of the label", "sure of the other"]
    first = (
        f" The first {MOST_SUSPECTS} of {len(found.suspects):,}:"
        if len(found.suspects) > MOST_SUSPECTS
        else ""
    )
    return read(
        "The model, which had not seen these tickets, is far surer of another category than of the one in "
        f"the file; look them up, put right what is wrong, and train again.{first}"
    ) + table(heading, rows)


def rivals(facts: Facts, found: Found) -> str:
    """Beside the commonest category and the model of today."""
    accuracy = facts.trained.metrics["accuracy"]
    rows = [
        [f"Always “{found.commonest}”", f"{found.commonest_share:.1%}"],
        ["This model, on the same tickets", f"{accuracy:.1%}"],
    ]
    html = table(["Who judges ", "right category"], rows)
    if found.against is None:
        return html + paragraph(
            "No current model was named; add --compare FOLDER, or --config FILE for the one that judges now.",
            "soft",
        )
    if not found.against.known:
        return html + paragraph("The current model knows none of these categories: nothing to compare.")
    return html + _beside(facts, found.against)


def _beside(facts: Facts, against: Against) -> str:
    rows = []
    for name, figure in against.comparison.figures.items():
        between = "–" if figure.low is None else f"{figure.low * 100:+.1f} to {(figure.high or 0) * 100:+.1f}"
        rows.append([_FIGURES[name], _percent(figure.running), _percent(figure.candidate), between])
    what = read(
        f"Both judged the same {against.comparison.rows:,} tickets, which this model had not seen; where "
        "the last column lies above 0 altogether this model is better, below 0 it is worse, and else it "
        "may be chance."
    )
    notes = ""
    if against.known < len(facts.labels):
        notes += paragraph(
            f"The current model knows {against.known} of the {len(facts.labels)} categories; of the others "
            "it gets none right."
        )
    if against.comparison.fallen:
        fallen = ", ".join(
            f"{name} ({lost} lost, {won} won)" for name, (lost, won) in against.comparison.fallen.items()
        )
        notes += paragraph(f"Told apart worse than before, beyond chance: {fallen}.")
    notes += paragraph(
        "If the current model was trained on some of these very tickets, it looks better here than it is. "
        "`smartticket models promote` compares on tickets that neither has seen.",
        "soft",
    )
    return what + table([" ", "current model", "this model", "95% sure: points"], rows) + notes


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def settings(facts: Facts) -> str:
    """How to get the very same model again."""
    from importlib.metadata import version

    from smartticket_training.build import LIBRARIES

    trained = facts.trained
    rows = [[name, value] for name, value in facts.settings.items()]
    rows += [
        ["target precision", f"{trained.target_precision:g}"],
        ["digest of the model", trained.digest],
        ["digest of the data", trained.data.digest],
    ]
    rows += [[name, version(name)] for name in ("smartticket", *LIBRARIES)]
    return paragraph("The same file, settings and versions give the same model, bit for bit.") + table(
        [" ", " "], rows
    )
