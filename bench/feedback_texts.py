"""Tickets for the bench of feedback: the corpus in three parts, and new tickets made of one of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smartticket_training.corpus import CATEGORIES, Ticket, load_corpus

PAIR = ("billing", "refund_cancellation")
"""The categories that the first model confuses: of the second it has seen but a few tickets."""
KNOWN = {"refund_cancellation": 10}
OTHERS_KNOWN = 150
UNSEEN = 70
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One ticket as a customer writes it, and what it really is."""

    subject: str
    body: str
    truth: str
    sender: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What the first model learns from, what new tickets are made of, and what nothing learns from."""

    known: list[Ticket]
    source: dict[str, list[Ticket]]
    unseen: list[Ticket]


def parts(seed: int, unseen: int = UNSEEN) -> Parts:
    """The English corpus, shuffled by `seed`."""
    rng = random.Random(seed)
    tickets = [ticket for ticket in load_corpus() if ticket.language == "en"]
    known, source, held = [], {}, []
    for category in CATEGORIES:
        own = [ticket for ticket in tickets if ticket.category == category]
        rng.shuffle(own)
        number = KNOWN.get(category, OTHERS_KNOWN)
        held += own[:unseen]
        known += own[unseen : unseen + number]
        source[category] = own[unseen + number :]
    return Parts(known, source, held)


def written(tickets: Sequence[Ticket], rng: random.Random, prefix: str) -> Iterator[Mail]:
    """New tickets without end: the subject of one, and half of the sentences of each of two."""
    number = 0
    while True:
        number += 1
        first, second = rng.sample(list(tickets), 2)
        body = " ".join([*_half(first.body, rng), *_half(second.body, rng)])
        yield Mail(first.subject, body, first.category, f"{prefix}{number}@customer.example")


def _half(body: str, rng: random.Random) -> list[str]:
    sentences = _SENTENCE.split(body.strip())
    kept = sorted(rng.sample(range(len(sentences)), (len(sentences) + 1) // 2))
    return [sentences[place] for place in kept]
