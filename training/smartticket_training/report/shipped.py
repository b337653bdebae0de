"""What the card of the shipped model says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smartticket_training.corpus import Ticket
from smartticket_training.report.card import About, card, left_out
from smartticket_training.report.facts import Facts

Measure = Callable[[list[Ticket]], Mapping[str, Any]]
"""The figures of the model on tickets, as `evaluate` has them."""

_LEARNT_FROM = """\
{rows} tickets that were written for SmartTicket, each with its category, priority and sentiment, and
{foreign} messages that belong to no category (small talk, greetings, what was meant for somebody else). No
customer wrote any of them. Left out: {dropped}. Of ten tickets about one was held back, never learnt from:

| language | learnt from | held back | right category, of those held back |
|---|---|---|---|
{table}"""

_LICENCE = """\
The texts lie in `training/smartticket_training/corpus` of SmartTicket's source, under its licence,
Apache-2.0; so does the model."""

_LIMITS = """\
- What it was measured on came from the same writers as what it learnt from. Real customers write otherwise,
  and it is right less often there: `docs/benchmarks.md` has its figures on tickets of other desks.
- Its categories are common ones, not yours. A model that has learnt from your own tickets is better
  (`smartticket train`, `docs/models.md`)."""


def shipped_card(facts: Facts, tickets: Sequence[Ticket], foreign: int, measure: Measure) -> str:
    """The card as Markdown: the same tickets and model give the same bytes.

    `tickets` is the whole corpus, of which the model learnt all that is not held back, beside `foreign`
    messages of no category.
    """
    taught = Counter(t.language for t in tickets if not t.held_back)
    rows = [_row(name, number, tickets, measure) for name, number in taught.most_common()]
    learnt = _LEARNT_FROM.format(
        rows=f"{facts.rows:,}", foreign=f"{foreign:,}", dropped=left_out(facts), table="\n".join(rows)
    )
    about = About(
        made="`make model`",
        meant_for="It is there to begin with, where no model has learnt from a desk's own tickets yet.",
        learnt_from=learnt,
        licence=_LICENCE,
        limits=_LIMITS,
        unseen=" (those held back)",
        figures=measure([t for t in tickets if t.held_back]),
    )
    return card(facts, "the shipped model", about)


def _row(language: str, taught: int, tickets: Sequence[Ticket], measure: Measure) -> str:
    kept = [t for t in tickets if t.held_back and t.language == language]
    right = f"{measure(kept)['accuracy']:.1%}" if kept else "–"
    return f"| {language} | {taught:,} | {len(kept):,} | {right} |"
