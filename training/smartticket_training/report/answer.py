"""The sections that need no patience: the short answer, what was read, and what it was like."""

from __future__ import annotations

from smartticket_training.cleaning import SMALL
from smartticket_training.report.facts import Facts
from smartticket_training.report.findings import LENGTHS, lengths
from smartticket_training.report.found import Found
from smartticket_training.report.page import beside, bullets, paragraph, read, table, tiles
from smartticket_training.report.svg import bars, columns

MOST_BARS, SHOWN_FIRST = 24, 14
"""How many bars are drawn at most, and how many of these are of the largest categories."""

_REASONS = {
    "unlabelled": "had no category",
    "empty": "had no text",
    "duplicate": "had the same text as another one (the commonest category of the copies was kept)",
    "feedback in its place": "had the text of a ticket that agents corrected",
    "unknown category": "were corrected to a category that the file does not know",
    "sender contradicted": "were corrections of a sender whom a model without them contradicts",
    "too many of one sender": "were more corrections than one sender may teach",
    "small class": f"were of a category with fewer than {SMALL} tickets, and left out as asked",
}


def short_answer(facts: Facts, found: Found) -> str:
    """How good it is, in three figures; is it better than what there is; what to do next."""
    own, target = facts.headline, facts.trained.target_precision
    precision = own["precision_at_coverage"]
    shown = [
        (f"{own['accuracy']:.1%}", "of all tickets get the right category"),
        (f"{own['coverage']:.1%}", "it is sure enough to triage on its own; people get the others"),
        ("–" if precision is None else f"{precision:.1%}", f"of those are right; you asked for {target:.0%}"),
    ]
    return (
        tiles(shown)
        + paragraph(_unseen(facts), "soft")
        + paragraph(_worth(facts, found))
        + bullets(_next(facts, found))
    )


def _unseen(facts: Facts) -> str:
    """Which tickets the figures and the pictures are of."""
    trained = facts.trained
    held_out = f"{_held_out(facts)} " if trained.held_out else ""
    if trained.manner:
        return f"{held_out}{trained.manner} The pictures below are of these."
    if held_out:
        return f"{held_out}All pictures below are of all tickets, each judged while left out."
    return "Every figure here is of tickets that the model had not seen when it judged them."


def _held_out(facts: Facts) -> str:
    number, times = facts.headline["n"], facts.trained.data.times
    which = "the latest" if times else "picked by chance"
    return f"Measured on {number:,} tickets held out ({which}), by a model that had seen the others only."


def _worth(facts: Facts, found: Found) -> str:
    """Better than the majority, and than the model of today?"""
    accuracy = facts.headline["accuracy"]
    guess = f"always saying “{found.commonest}” would be right for {found.commonest_share:.1%}"
    verdict = "It has learnt something" if accuracy > found.commonest_share else "It is useless"
    words = f"{verdict}: {guess}."
    if found.against is None:
        return words
    if not found.against.known:
        return f"{words} The current model knows none of these categories, so the two cannot be compared."
    figure = found.against.comparison.figures["accuracy"]
    said = "about as good as"
    if figure.low is not None and figure.low > 0:
        said = "better than"
    elif found.against.comparison.less_accurate:
        said = "worse than"
    return (
        f"{words} It is {said} the current model, which is right for {figure.running:.1%} of the same "
        f"tickets (this one for {figure.candidate:.1%})."
    )


def _next(facts: Facts, found: Found) -> list[str]:
    """What would help most, at most four things."""
    items = []
    if never := facts.trained.out_of_reach:
        items.append(f"Always left to people (too few right, or too few tickets to tell): {_named(never)}.")
    if found.pairs:
        pair = found.pairs[0]
        true, said = facts.labels[pair.true], facts.labels[pair.said]
        items.append(f"Most confused: “{true}” taken for “{said}”, {pair.count} times. See the pairs below.")
    if found.suspects:
        count = len(found.suspects)
        items.append(f"{count:,} tickets may carry the wrong category. Look at the first of the list below.")
    if found.gain > max(found.noise, 0.01):
        items.append(f"More tickets would help: doubling them gave {found.gain * 100:.1f} points.")
    return items


def _named(labels: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def loaded(facts: Facts) -> str:
    """What came in, what was left out and why."""
    trained = facts.trained
    left_out = {reason: number for reason, number in trained.dropped.items() if number}
    total = facts.rows + sum(left_out.values())
    rows = [("Tickets in the file", total)]
    rows += [(f"– {_REASONS.get(reason, reason)}", number) for reason, number in left_out.items()]
    rows += [("Tickets learnt from", facts.rows), ("Categories", len(facts.labels))]
    words = table(["What ", "How many"], rows)
    if near := trained.near_duplicates:
        words += paragraph(
            f"{near:,} of the tickets learnt from have the same words as an earlier one, in another order "
            "or with other numbers. They stayed. If they are answers in one thread or a form, name the "
            "thread or sender with --group, or the figures are too good."
        )
    if trained.small:
        few = ", ".join(f"{label} ({number})" for label, number in trained.small.items())
        words += paragraph(
            f"Categories of fewer than {SMALL} tickets: {few}. So few can hardly be learnt: label more, or "
            "train with --small-classes merge."
        )
    for sender in trained.taught.contradicted if trained.taught else ():
        done = "learnt from, as asked" if sender.trusted else "held out"
        words += paragraph(
            f"The corrections of one sender ({sender.key[:12]}) were {done}: a model without them says "
            f"otherwise for {sender.contradicted} of {sender.corrections}, but only for "
            f"{sender.others_contradicted} of {sender.others} of everybody else's. Look at their tickets: "
            f"smartticket explain {sender.key[:12]}."
        )
    return words


def balance(facts: Facts) -> str:
    """How the tickets spread over the categories, and how long they are."""
    order = sorted(range(len(facts.labels)), key=lambda n: (-facts.counts[n], facts.labels[n]))
    shown = order if len(order) <= MOST_BARS else [*order[:SHOWN_FIRST], *order[SHOWN_FIRST - MOST_BARS :]]
    rows = [(facts.labels[n], int(facts.counts[n])) for n in shown]
    kinds = ["bar low" if number < SMALL else "bar" for _, number in rows]
    more = ""
    if len(order) > MOST_BARS:
        more = f" Shown: the {SHOWN_FIRST} largest and {MOST_BARS - SHOWN_FIRST} smallest of {len(order)}."
    first = read(
        "Each bar is the number of tickets of one category; a category with very few tickets (orange below "
        f"{SMALL}) is hardly learnt, so label more of these first.{more}"
    )
    counts, middle = lengths(facts)
    ends = [*(f"–{after - 1}" for after in LENGTHS[1:]), "+"]
    names = [f"{start}{end}" for start, end in zip(LENGTHS, ends, strict=True)]
    second = read(
        f"Each column is the share of tickets of that length (the middle one has {middle:,} words); if most "
        "are far longer than what a customer writes, quoted mails or forms are among them: take them out "
        "of the file."
    )
    return (
        beside(bars("Tickets by category", rows, kinds), first)
        + "<h3>Length of the texts</h3>"
        + beside(
            columns(
                "Tickets by number of words", list(zip(names, counts, strict=True)), "words in the ticket"
            ),
            second,
        )
    )
