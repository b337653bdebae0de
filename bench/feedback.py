"""Agents correct a confused pair of categories; does a model that learns from them get better, and only that?

    python bench/feedback.py [--connector memory|imap] [--corrections 200] [--seed 1] [--no-poison]

1. A first model knows few tickets of one category and takes them for another's. It triages new tickets on a
   desk, agents correct it, we look again, and a second model learns from what they corrected.
2. On tickets that nothing has learnt from, the pair must be better beyond chance, no other category worse.
3. 5 % more corrections come from one sender and are wrong. What of them is learnt must not make the model
   worse; and where it would be, `models promote` must refuse: shown with a flood of them, uncapped.

Exit code 1 when one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.feedback_desks import Desk, opened
from bench.feedback_texts import PAIR, UNSEEN, Mail, Parts, parts, written
from smartticket_config.settings import Settings
from smartticket_daemon import logs
from smartticket_daemon.cli.models_gate import HeldOut, weigh
from smartticket_daemon.domain import Opinion
from smartticket_model import Model, load
from smartticket_training.api import train
from smartticket_training.compare import Answers, Comparison, compare
from smartticket_training.corpus import CATEGORIES, Ticket
from smartticket_training.dataset import Columns
from smartticket_training.feedback import Lesson, choose

AT_ONCE = 100
MOST = 1500
"""New tickets at most; if they bring too few corrections, the pair is not confused."""
POISON = 0.05
BEGUN = time.monotonic()


@dataclass(frozen=True, slots=True)
class Room:
    """Where the run's files lie, and its parts of the corpus."""

    folder: Path
    parts: Parts

    @property
    def data(self) -> Path:
        """What the first model learns from."""
        return self.folder / "known.jsonl"

    @property
    def unseen(self) -> Path:
        """What nothing learns from."""
        return self.folder / "unseen.jsonl"

    def write(self) -> None:
        """Both files."""
        for path, tickets in ((self.data, self.parts.known), (self.unseen, self.parts.unseen)):
            rows = ({"subject": t.subject, "body": t.body, "label": t.category} for t in tickets)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    def train(self, name: str, lessons: Sequence[Lesson] = ()) -> Path:
        """A model of the known tickets and these lessons."""
        out = self.folder / name
        train(self.data, "label", out=out, subject="subject", body="body", lessons=lessons, jobs=1)
        return out


def say(text: str) -> None:
    """A line, with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - BEGUN:6.1f} s  {text}\n")
    sys.stdout.flush()


def correct(desk: Desk, parts: Parts, wanted: int, rng: random.Random) -> int:
    """New tickets of the pair until agents have corrected `wanted`; how many tickets that took."""
    streams = [written(parts.source[category], rng, category) for category in PAIR]
    mails: list[Mail] = []
    done = 0
    while done < wanted and len(mails) < MOST:
        some = [next(stream) for stream in rng.choices(streams, weights=(1, 2), k=AT_ONCE)]
        desk.deliver(some)
        mails += some
        there = desk.categories()
        wrong = {
            n: mail.truth
            for n, mail in enumerate(mails)
            if n >= len(mails) - AT_ONCE and there[n] != mail.truth and there[n] in PAIR
        }
        some_wrong = dict(islice(wrong.items(), wanted - done))
        desk.retag(some_wrong)
        done += len(some_wrong)
    return len(mails)


def judged(before: Path, after: Path, tickets: Sequence[Ticket]) -> Comparison:
    """Two models on the same tickets."""
    running, candidate = (_answers(load(folder), tickets) for folder in (before, after))
    return compare([t.category for t in tickets], running, candidate)


def _answers(model: Model, tickets: Sequence[Ticket]) -> Answers:
    found = model.predict_many([(t.subject, t.body) for t in tickets])
    return Answers([p.label for p in found], [True] * len(found))


def show(name: str, found: Comparison) -> None:
    """The accuracy of both, and what chance may have moved."""
    figure = found.figures["accuracy"]
    say(
        f"{name}: {figure.running:.3f} -> {figure.candidate:.3f} on {found.rows} unseen tickets "
        f"(95 % interval {figure.low:+.3f} to {figure.high:+.3f})"
    )


def improvement(before: Path, after: Path, unseen: Sequence[Ticket]) -> list[str]:
    """What speaks against the corrections having helped the pair alone."""
    pair = judged(before, after, [t for t in unseen if t.category in PAIR])
    others = judged(before, after, [t for t in unseen if t.category not in PAIR])
    show("the corrected pair", pair)
    show("the other six categories", others)
    for category in CATEGORIES:
        own = judged(before, after, [t for t in unseen if t.category == category]).figures["accuracy"]
        say(f"  {category}: {own.running:.3f} -> {own.candidate:.3f}")
    wrong = [] if (pair.figures["accuracy"].low or 0) > 0 else ["the pair did not improve beyond chance"]
    if others.figures["accuracy"].worse or others.fallen:
        wrong.append(f"other categories fell beyond chance {others.fallen}")
    return wrong


def forged(parts: Parts, number: int, rng: random.Random) -> list[Lesson]:
    """One sender's tickets about billing, which agents were made to call technical issues."""
    mails = islice(written(parts.source["billing"], rng, "mallory"), number)
    when = datetime(2026, 11, 2, tzinfo=UTC)
    return [
        Lesson(mail.subject, mail.body, "technical_issue", "billing", Opinion.CORRECTED, "mallory", when)
        for mail in mails
    ]


def honest(parts: Parts, number: int, rng: random.Random) -> list[Lesson]:
    """As many corrections of the pair as the desk brought, each by another customer."""
    when = datetime(2026, 11, 2, tzinfo=UTC)
    mails = islice(written(parts.source[PAIR[1]], rng, "customer"), number)
    return [
        Lesson(mail.subject, mail.body, PAIR[1], PAIR[0], Opinion.CORRECTED, mail.sender, when)
        for mail in mails
    ]


def gate(running: Path, candidate: Path, unseen: Path) -> tuple[str, ...]:
    """What `models promote` says against a candidate, with its own settings."""
    settings = Settings.model_validate({"model": {"path": str(running)}})
    columns = Columns("label", subject="subject", body="body")
    return weigh(settings, load(candidate), HeldOut(unseen, columns)).against


def told(what: str, against: tuple[str, ...]) -> None:
    """The verdict of the gate."""
    say(f"  models promote, {what}: {'refused: ' + '; '.join(against) if against else 'nothing against it'}")


def poisoned(room: Room, corrections: int, rng: random.Random) -> list[str]:
    """What speaks against one sender's forged corrections being harmless."""
    good = honest(room.parts, corrections, rng)
    clean = room.train("clean", choose(good).lessons)
    bad = forged(room.parts, max(1, round(corrections * POISON)), rng)
    chosen = choose([*good, *bad])
    kept = sum(lesson.sender == "mallory" for lesson in chosen.lessons)
    say(f"poison: {len(bad)} of {len(good) + len(bad)} corrections are forged by one sender, {kept} learnt")
    more = room.train("more", [*good, *honest(room.parts, len(bad), rng)])
    told("with as many honest ones more", gate(clean, more, room.unseen))
    capped = room.train("capped", chosen.lessons)
    found = judged(clean, capped, room.parts.unseen)
    show("with what is learnt of them", found)
    wrong = (
        [f"poison made it worse: {found.fallen}"] if found.figures["accuracy"].worse or found.fallen else []
    )
    told("with what is learnt", gate(clean, capped, room.unseen))
    raw = room.train("uncapped", [*good, *bad])
    show("with all of them, uncapped", judged(clean, raw, room.parts.unseen))
    told("with all of them", gate(clean, raw, room.unseen))
    flood = room.train("flood", [*good, *forged(room.parts, 2 * corrections, rng)])
    against = gate(clean, flood, room.unseen)
    show(f"with {2 * corrections} of them, uncapped", judged(clean, flood, room.parts.unseen))
    told("with the flood", against)
    return wrong if against else [*wrong, "the gate let a flood of forgeries pass"]


def run(kind: str, corrections: int, seed: int, unseen: int = UNSEEN, *, poison: bool = True) -> list[str]:
    """The whole bench, or without its last part; what does not hold."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), parts(seed, unseen))
        room.write()
        first = room.train("first")
        say(f"{kind}: the first model has learnt from {len(room.parts.known)} tickets")
        with opened(kind, room.folder, first) as desk:
            tickets = correct(desk, room.parts, corrections, rng)
            counts = desk.opinions()
            say(f"{tickets} tickets triaged, opinions in the journal: {counts}")
            desk.train(room.data, room.folder / "second")
        wrong = [] if counts.get("corrected") == corrections else [f"not all corrections were seen: {counts}"]
        wrong += improvement(first, room.folder / "second", room.parts.unseen)
        told("with the corrections", gate(first, room.folder / "second", room.unseen))
        if poison:
            wrong += poisoned(room, corrections, rng)
    return wrong


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connector", choices=["memory", "imap"], default="memory")
    parser.add_argument("--corrections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-poison", action="store_true", help="leave the third part out")
    options = parser.parse_args()
    logs.configure(quiet=True)
    wrong = run(options.connector, options.corrections, options.seed, poison=not options.no_poison)
    for words in wrong:
        say(f"WRONG: {words}")
    say("all holds" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
