"""The model's card: what it is for, what it was trained on, what it can do, and what it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smartticket_model import load
from smartticket_training.report.facts import Facts
from smartticket_training.splits import by_time

_SAMPLE = 300

_TEXT = """# Model card: {title}

Made by {made}. Digest `{digest}`.

## What it is for

It reads a support ticket and says which of {categories} categories it belongs to, how sure it is, and why.
SmartTicket lets it set a tag, a route or an internal note where it is sure enough, and leaves the other
tickets to people. {meant_for}
Nothing it says goes to a customer.

It is not made for decisions on a person (who gets a refund, a credit, a job), nor to let tickets go unread.

## What it was trained on

{learnt_from}
{heads}
The model holds numbers and hashes only, no text of a ticket; the names of the categories stand in it.
{licence}

## How good it is

Of tickets that it had not seen when it judged them{unseen}:

| | |
|---|---|
| right category | {accuracy} |
| all categories counted alike (macro F1) | {macro_f1} |
| sure enough to act on | {coverage} |
| right among those | {precision} |
| confidence off by, on average (ECE) | {ece} |

## Thresholds

A category is applied where the model is at least so sure; the thresholds were chosen so that about {target}
of what is applied is right. Another aim, `[policy] target_precision`, moves them without a new training.

| category | tickets | acts when sure of | acts on | right then |
|---|---|---|---|---|
{table}

## What it cannot do

- It knows no category but these. What is unlike anything it has learnt from it leaves to people, as far as
  it notices.
- It knows the words of the past: new products, new prices, another language or another kind of customer
  make it worse.
{limits}
- A category of few tickets is judged on few; its figures may be chance.
{never}
## Who must watch what

- Whoever switches it on: begin with `mode = "observe"`, and look at what it would do (`smartticket
  assess`).
- Agents: put wrong tags right. It never overwrites what a person has set.
- Whoever runs it: look at accuracy and the share acted on in `smartticket status` each month; train anew
  when they fall, or when categories change.
"""


_LICENCE = """\
Whose data they are, and what they may be used for, SmartTicket cannot know: the licence of the data is yours
to say, and so is that of the model."""

_LIMITS = "- It repeats what agents did. Where they were inconsistent or wrong, so is it."


@dataclass(frozen=True, slots=True)
class About:
    """Where a model comes from, as sentences; `figures` are of rows it had not seen, `unseen` says which."""

    made: str
    meant_for: str
    learnt_from: str
    licence: str
    limits: str
    unseen: str
    figures: Mapping[str, Any]


def card(facts: Facts, title: str, about: About | None = None) -> str:
    """The card as Markdown; holds no text of any ticket. Without `about` the model is that of a desk."""
    trained, about = facts.trained, about or _own_desk(facts)
    own = about.figures
    precision = own["precision_at_coverage"]
    never = ", ".join(map(_cell, trained.out_of_reach))
    return _TEXT.format(
        title=title,
        made=about.made,
        digest=trained.digest,
        categories=len(facts.labels),
        meant_for=about.meant_for,
        learnt_from=about.learnt_from,
        heads=_heads(facts),
        licence=about.licence,
        unseen=about.unseen,
        accuracy=f"{own['accuracy']:.1%}",
        macro_f1=f"{own['macro_f1']:.3f}",
        coverage=f"{own['coverage']:.1%}",
        precision="–" if precision is None else f"{precision:.1%}",
        ece=f"{own['ece'] * 100:.1f} points",
        target=f"{trained.target_precision:.0%}",
        table="\n".join(_row(facts, number) for number in range(len(facts.labels))),
        never=f"- Always left to people, for too few would be right: {never}.\n" if never else "",
        limits=about.limits,
    )


def left_out(facts: Facts) -> str:
    """How many rows were not learnt from, and why."""
    dropped = facts.trained.dropped
    return ", ".join(f"{number:,} {reason}" for reason, number in dropped.items() if number) or "none"


def _own_desk(facts: Facts) -> About:
    tickets = f"{facts.rows:,} tickets with the category that agents had set{_times(facts)}"
    learnt_from = (
        f"{tickets}. Left out: {left_out(facts)}.",
        facts.trained.manner,
        f"Languages (of a sample): {_languages(facts)}.",
    )
    return About(
        made=f"`smartticket train` on {facts.when}",
        meant_for="It is made for the tickets of the desk whose tickets it has learnt from.",
        learnt_from="\n".join(line for line in learnt_from if line),
        licence=_LICENCE,
        limits=_LIMITS,
        unseen=" (held out for that)" if facts.trained.held_out else "",
        figures=facts.headline,
    )


def _row(facts: Facts, number: int) -> str:
    own = facts.trained.metrics["per_category"][facts.labels[number]]
    cells = ["never" if own["threshold"] is None else f"{own['threshold']:.0%}"]
    cells += [
        "–" if own[name] is None else f"{own[name]:.0%}" for name in ("coverage", "precision_at_coverage")
    ]
    return f"| {_cell(facts.labels[number])} | {facts.counts[number]:,} | {' | '.join(cells)} |"


def _cell(label: str) -> str:
    """A label as plain text, whatever it is made of."""
    plain = " ".join(label.split())
    for character in "\\`*_[]<>|#":
        plain = plain.replace(character, f"\\{character}")
    return plain


def _times(facts: Facts) -> str:
    times = facts.trained.data.times
    if not times:
        return ""
    order = by_time(times)
    return f", from {_cell(times[order[0]])} to {_cell(times[order[-1]])}"


def _languages(facts: Facts) -> str:
    step = max(1, facts.rows // _SAMPLE)
    sample = list(facts.trained.data.take(range(0, facts.rows, step)).pairs)
    found = Counter(p.language for p in load(facts.trained.folder).predict_many(sample))
    return ", ".join(f"{name} {number / len(sample):.0%}" for name, number in found.most_common())


def _heads(facts: Facts) -> str:
    heads = [f"{name} (right for {own['accuracy']:.1%})" for name, own in facts.trained.heads.items()]
    return f"\nBesides the category it says: {', '.join(heads)}.\n" if heads else ""
