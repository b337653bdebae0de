"""Agents correct a confused pair of categories; does a model that learns from them get better, and only that?

    python bench/feedback.py [--connector memory|imap|zendesk|freshdesk] [--corrections 200] [--seeds 1,2,3]
                             [--features full|word] [--no-poison]

1. A first model knows few tickets of one category and takes them for another's. It triages new tickets on a
   desk, agents correct it (one customer wrote many of these tickets), and we look again. 5 % more corrections
   are wrong: all tickets of one sender, billing, that agents are made to call technical issues.
2. `train --with-feedback`: the wrong ones must be held out and all others learnt. The model must pass `models
   promote`; on tickets that nothing has learnt from the pair must be better beyond chance, no other category
   worse; and the next tickets of the desk are judged by it.
3. Forced in by `--trust`, the wrong ones must keep a model from being promoted.

Exit code 1 when one of these does not hold for one of the seeds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.feedback_desks import Desk
from bench.feedback_programs import KINDS, opened
from bench.feedback_texts import PAIR, UNSEEN, Mail, Parts, parts, written
from smartticket_daemon import logs
from smartticket_model import Model, load
from smartticket_training.api import Features, train
from smartticket_training.compare import Answers, Comparison, compare
from smartticket_training.corpus import CATEGORIES, Ticket

AT_ONCE = 100
MOST = 1500
"""New tickets at most; if they bring too few corrections, the pair is not confused."""
POISON = 0.05
FORGED = "technical_issue"
REGULAR = 0.05
"""Share of the new tickets that one customer writes, whose corrections are right."""
BEGUN = time.monotonic()


@dataclass(frozen=True, slots=True)
class Room:
    """Where the run's files lie, and its parts of the corpus."""

    folder: Path
    parts: Parts
    features: Features

    @property
    def data(self) -> Path:
        """What the first model learns from."""
        return self.folder / "known.jsonl"

    @property
    def unseen(self) -> Path:
        """What nothing learns from."""
        return self.folder / "unseen.jsonl"

    def first(self) -> Path:
        """Both files, and the first model."""
        for path, tickets in ((self.data, self.parts.known), (self.unseen, self.parts.unseen)):
            rows = ({"subject": t.subject, "body": t.body, "label": t.category} for t in tickets)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        out, columns = self.folder / "first", {"subject": "subject", "body": "body"}
        train(self.data, "label", out=out, features=self.features, jobs=1, **columns)  # type: ignore[arg-type]
        return out


def say(text: str) -> None:
    """A line, with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - BEGUN:6.1f} s  {text}\n")
    sys.stdout.flush()


def arriving(parts: Parts, rng: random.Random) -> Iterator[Mail]:
    """New tickets of the pair; some are all of one customer."""
    streams = [written(parts.source[category], rng, category) for category in PAIR]
    while True:
        mail = next(rng.choices(streams, weights=(1, 2))[0])
        yield replace(mail, sender="regular@customer.example") if rng.random() < REGULAR else mail


def correct(desk: Desk, mails: Iterator[Mail], wanted: int) -> list[Mail]:
    """New tickets until agents have corrected `wanted`; all of them."""
    come: list[Mail] = []
    done = 0
    while done < wanted and len(come) < MOST:
        come += (some := list(islice(mails, AT_ONCE)))
        desk.deliver(some)
        there = desk.categories()
        wrong = {
            n: mail.truth
            for n, mail in enumerate(come)
            if n >= len(come) - AT_ONCE and there[n] != mail.truth and there[n] in PAIR
        }
        some_wrong = dict(islice(wrong.items(), wanted - done))
        desk.retag(some_wrong)
        done += len(some_wrong)
    return come


def forge(desk: Desk, begin: int, number: int, parts: Parts, rng: random.Random) -> None:
    """One sender's tickets about billing, which agents are made to call technical issues."""
    mails = written(parts.source[PAIR[0]], rng, "mallory")
    desk.deliver([replace(mail, sender="mallory@customer.example") for mail in islice(mails, 2 * number)])
    there = desk.categories()
    ours = [n for n in range(begin, begin + 2 * number) if there[n] in CATEGORIES and there[n] != FORGED]
    desk.retag(dict.fromkeys(ours[:number], FORGED))


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
    wrong = [] if (pair.figures["accuracy"].low or 0) > 0 else ["the pair did not improve beyond chance"]
    if (others.figures["accuracy"].high or 0) < 0 or others.fallen:
        wrong.append(f"other categories fell beyond chance {others.fallen}")
    return wrong


def heard(model: Path, honest: int, forged: int) -> list[str]:
    """What speaks against the right corrections, and no others, having been learnt."""
    told = load(model).manifest["data"]["feedback"]
    named = [(own["corrections"], own["contradicted"], own["trusted"]) for own in told["contradicted"]]
    for own in told["contradicted"]:
        say(
            f"contradicted: {own['contradicted']} of {own['corrections']} of one sender, "
            f"{own['others_contradicted']} of {own['others']} of all others (p = {own['chance']:.0e})"
        )
    learnt = told["learnt"]["corrected"]
    wrong = [] if learnt == honest else [f"{learnt} corrections learnt instead of {honest}"]
    if len(named) != bool(forged) or any(own[0] != forged or own[2] for own in named):
        wrong.append(f"held out: {named}")
    return wrong


def told(what: str, against: list[str]) -> None:
    """The verdict of the gate."""
    say(f"models promote, {what}: {'refused: ' + '; '.join(against) if against else 'promoted'}")


def right(desk: Desk, begin: int, mails: Sequence[Mail]) -> float:
    """Share of new tickets that get the right tag."""
    desk.deliver(mails)
    there = desk.categories()
    return sum(there[begin + n] == mail.truth for n, mail in enumerate(mails)) / len(mails)


def learn(desk: Desk, room: Room, mails: Iterator[Mail], come: int, forged: int, honest: int) -> list[str]:
    """The second part and the third."""
    second, first = room.folder / "second", room.folder / "first"
    desk.train(room.data, second, room.features)
    wrong = [*heard(second, honest, forged), *improvement(first, second, room.parts.unseen)]
    before = right(desk, come, list(islice(mails, AT_ONCE)))
    against = desk.promote(second, room.unseen)
    told("with what is learnt", against)
    wrong += ["the gate refused honest corrections"] if against else []
    after = right(desk, come + AT_ONCE, list(islice(mails, AT_ONCE)))
    say(f"new tickets of the pair, rightly tagged: {before:.2f} before, {after:.2f} after")
    wrong += [] if after > before else ["the promoted model does not judge, or no better"]
    if not forged:
        return wrong
    key = load(second).manifest["data"]["feedback"]["contradicted"]
    desk.train(room.data, room.folder / "forced", room.features, key[0]["key"][:12] if key else "")
    against = desk.promote(room.folder / "forced", room.unseen)
    told("with the forged ones forced in", against)
    return wrong if any("one sender" in words for words in against) else [*wrong, "poison passed the gate"]


def run(
    kind: str,
    corrections: int,
    seed: int,
    unseen: int = UNSEEN,
    *,
    poison: bool = True,
    features: Features = "full",
) -> list[str]:
    """The whole bench, or without the wrong corrections; what does not hold."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), parts(seed, unseen), features)
        first = room.first()
        say(f"{kind}, seed {seed}: the first model has learnt from {len(room.parts.known)} tickets")
        mails = arriving(room.parts, rng)
        with opened(kind, room.folder, first) as desk:
            come = len(correct(desk, mails, corrections))
            forged = max(1, round(corrections * POISON)) if poison else 0
            if forged:
                forge(desk, come, forged, room.parts, rng)
                come += 2 * forged
            counts = desk.opinions()
            say(f"{come} tickets triaged, opinions in the journal: {counts}")
            seen = counts.get("corrected") == corrections + forged
            wrong = [] if seen else [f"not all corrections were seen: {counts}"]
            return wrong + learn(desk, room, mails, come, forged, corrections)


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connector", choices=KINDS, default="memory")
    parser.add_argument("--corrections", type=int, default=200)
    parser.add_argument("--seeds", default="1", help="as 1,2,3")
    parser.add_argument("--features", choices=["full", "word"], default="full")
    parser.add_argument("--no-poison", action="store_true", help="leave the wrong corrections out")
    options = parser.parse_args()
    logs.configure(quiet=True)
    wrong = []
    for seed in map(int, options.seeds.split(",")):
        found = run(
            options.connector,
            options.corrections,
            seed,
            poison=not options.no_poison,
            features=options.features,
        )
        wrong += [f"seed {seed}: {words}" for words in found]
    for words in wrong:
        say(f"WRONG: {words}")
    say("all holds" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
