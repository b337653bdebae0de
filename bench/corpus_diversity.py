"""How varied the project's own tickets are, a line a language: sizes, openings, repetition, industries.

`openings` is the share of texts whose first three words no other text of the language has; `repeated` the
share of five-word sequences that occur in more than one text; `nearest` the largest share of words that two
texts of one category have in common (Jaccard, texts of eight words and more); lengths are quartiles of words.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations

import numpy as np

from smartticket_training.corpus import Ticket, load_corpus
from smartticket_training.dataset import normalised

FEWEST_WORDS = 8


def main() -> None:
    """Every language in turn."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    languages: defaultdict[str, list[Ticket]] = defaultdict(list)
    for ticket in load_corpus():
        languages[ticket.language].append(ticket)
    print(
        "language texts fewest/category no-subject words(q1/q2/q3/max) openings repeated nearest industries"
    )
    for language, tickets in languages.items():
        print(line(language, tickets))
    for name in ("priority", "sentiment"):
        counts = Counter(getattr(t, name) for tickets in languages.values() for t in tickets)
        print(f"{name}: " + ", ".join(f"{value} {count}" for value, count in counts.most_common()))


def line(language: str, tickets: list[Ticket]) -> str:
    """The figures of one language."""
    words = [normalised("", t.body).split() or [""] for t in tickets]
    openings = Counter(tuple(w[:3]) for w in words)
    lone = sum(count for count in openings.values() if count == 1) / len(tickets)
    fewest = min(Counter(t.category for t in tickets).values())
    quartiles = "/".join(f"{q:.0f}" for q in np.percentile([len(w) for w in words], [25, 50, 75, 100]))
    blank = sum(not t.subject for t in tickets) / len(tickets)
    industries = len({t.industry.casefold() for t in tickets})
    return (
        f"{language} {len(tickets)} {fewest} {blank:.2f} {quartiles} {lone:.3f} {repeated(words):.4f} "
        f"{nearest(tickets):.2f} {industries}"
    )


def repeated(texts: Iterable[list[str]]) -> float:
    """Share of distinct five-word sequences that more than one text has."""
    found = Counter(g for words in texts for g in {tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    return sum(count > 1 for count in found.values()) / max(len(found), 1)


def nearest(tickets: list[Ticket]) -> float:
    """The largest Jaccard similarity of two texts of one category."""
    categories: defaultdict[str, list[set[str]]] = defaultdict(list)
    for ticket in tickets:
        words = set(normalised(ticket.subject, ticket.body).split())
        if len(words) >= FEWEST_WORDS:
            categories[ticket.category].append(words)
    pairs = (pair for texts in categories.values() for pair in combinations(texts, 2))
    return max(len(one & other) / len(one | other) for one, other in pairs)


if __name__ == "__main__":
    main()
