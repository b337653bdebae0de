"""The project's own tickets, written for it: `corpus/<language>/<category>.jsonl`, one ticket a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smartticket_daemon.errors import DataError
from smartticket_training.dataset import Columns, Dataset, normalised, read_texts

FOLDER = Path(__file__).parent / "corpus"

CATEGORIES = (
    "account_access",
    "billing",
    "complaint_feedback",
    "feature_request",
    "general_question",
    "order_delivery",
    "refund_cancellation",
    "technical_issue",
)
PRIORITIES = ("low", "normal", "high", "urgent")
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One written ticket with everything known of it."""

    id: str
    subject: str
    body: str
    category: str
    language: str
    priority: str
    sentiment: str
    industry: str

    @property
    def held_back(self) -> bool:
        """True for the tenth that is never trained on, chosen by the hash of the id."""
        return int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % 10 == 0


def load_corpus(folder: Path = FOLDER) -> list[Ticket]:
    """All tickets, in the order of the files' names. Raises DataError, naming file and line."""
    tickets: list[Ticket] = []
    ids: set[str] = set()
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*/*.jsonl")):
        for line, ticket in _read(path):
            where = f"{path}, line {line}"
            if ticket.id in ids:
                raise DataError(f"{where}: the id {ticket.id} is taken")
            text = normalised(ticket.subject, ticket.body)
            if text in texts:
                raise DataError(f"{where}: the same text as {texts[text]}")
            ids.add(ticket.id)
            texts[text] = ticket.id
            tickets.append(ticket)
    return tickets


def dataset(tickets: list[Ticket]) -> Dataset:
    """The tickets as examples of their categories, priorities and sentiments."""
    heads = {"priority": [t.priority for t in tickets], "sentiment": [t.sentiment for t in tickets]}
    return Dataset([(t.subject, t.body) for t in tickets], [t.category for t in tickets], heads=heads)


def foreign(folder: Path = FOLDER) -> list[tuple[str, str]]:
    """Messages that belong to no category: greetings, small talk, what was meant for somebody else."""
    return read_texts(folder / "out_of_scope.jsonl", Columns(label="", text="body"))


def _read(path: Path) -> Iterator[tuple[int, Ticket]]:
    for line, raw in enumerate(path.read_text("utf-8").removesuffix("\n").split("\n"), 1):
        try:
            ticket = Ticket(**json.loads(raw))
        except (ValueError, TypeError):
            raise DataError(f"{path}, line {line}: not one object with exactly a ticket's keys") from None
        if wrong := _wrong(ticket, path):
            raise DataError(f"{path}, line {line}: not a legal {wrong}")
        yield line, ticket


def _wrong(ticket: Ticket, path: Path) -> str | None:
    """Name of a key whose value is not legal."""
    legal = {
        "id": ticket.id.startswith(f"{ticket.category}-") or f"-{ticket.category}-" in ticket.id,
        "body": bool(normalised(ticket.subject, ticket.body)),
        "category": ticket.category in CATEGORIES and ticket.category == path.stem,
        "language": ticket.language == path.parent.name,
        "priority": ticket.priority in PRIORITIES,
        "sentiment": ticket.sentiment in SENTIMENTS,
        "industry": bool(ticket.industry),
    }
    return next((key for key, fine in legal.items() if not fine), None)
