"""One run of the campaign on a helpdesk: tickets, agents at work at any moment, and the reckoning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bench.crash_life import Lives
from bench.crash_points import Fate
from bench.helpdesk_people import People, begun, judge
from bench.helpdesks import Helpdesk, Shown, Strike, ticket_of
from smartticket_daemon.domain import State
from smartticket_daemon.ports import Record
from tests.doubles.server import Fault, Request

_UNSEEN = 130.0
"""Seconds after which every service shows a new ticket."""
_FAULTS = (Fault(lost=True), Fault(cut=True))


@dataclass
class DeskRun(Lives[Helpdesk]):
    """`losses` are the answers to lose in each life that may end badly."""

    losses: int = 0

    @cached_property
    def people(self) -> People:
        return People(self.place, self.rng)

    def go(self, fates: list[Fate], daemons: int = 1) -> None:
        """Where looks are counted, a round without tickets comes first: later ones are written to at once."""
        if self.losses:
            self.live(Fate())
        super().go(fates, daemons)

    def arrive(self, count: int) -> None:
        """Mostly customers; now and then a machine, or a ticket that an agent has taken already."""
        for _ in range(count):
            subject, body = self.rng.choice(self.world.texts)
            dice = self.rng.random()
            kind = "machine" if dice < 0.1 else "decided" if dice < 0.15 else "customer"
            self.people.see(self.place.arrive(subject, body, kind), kind)
        self.place.wait(_UNSEEN)

    def person(self) -> None:
        self.people.somebody()

    def prepare(self) -> None:
        """Somebody may strike at one of the next requests; answers to some writes will be lost."""
        if self.rng.random() < 0.5:
            self.place.watch.strikes.append(self._strike(self.rng.randint(5, 40)))
        self.place.watch.losses = [self.rng.choice(_FAULTS) for _ in range(self.losses)]

    def _strike(self, number: int) -> Strike:
        """At that request; where a service guards nothing, not in the width of its update."""
        left = number

        def strike(request: Request) -> bool:
            nonlocal left
            left -= 1
            if left > 0 or (request.method == "PUT" and not self.place.guards):
                return False
            self.people.somebody(ticket_of(request))
            return True

        return strike

    def finish(self) -> bool:
        self.place.watch.strikes, self.place.watch.losses = [], []
        self.place.wait(_UNSEEN)
        return super().finish()

    def reckon(self, shown: dict[str, Shown]) -> None:
        """0 lost, 0 twice, 0 half-tagged, people's values untouched, ledger = helpdesk, nothing public."""
        by_name: dict[str, list[Record]] = {}
        for record in self.records():
            by_name.setdefault(record.ref.ticket, []).append(record)
            wish, ticket = self.people.wishes[record.ref.ticket], shown[record.ref.ticket]
            if record.state is State.SKIPPED and ticket.exists and begun(wish, ticket):
                self.passed["(tickets that people took over between two writes of ours)"] += 1
        for name, wish in self.people.wishes.items():
            say = f"ticket {name} ({wish.kind}, {', '.join(wish.acts) or 'left alone'})"
            for what in judge(self.place, name, wish, shown[name], by_name.pop(name, [])):
                self.expect(False, f"{say}: {what}")
        self.expect(not by_name, f"records of no ticket: {sorted(by_name)}")
        public = self.place.public()
        self.expect(public == 0, f"{public} requests out of bounds or seen by customers")
        self._count()

    def _count(self) -> None:
        watch = self.place.watch
        self.passed["(answers lost)"] += watch.lost.total()
        for name, wish in self.people.wishes.items():
            if watch.lost[name] and not wish.acts:
                more = watch.looks[name] - self.place.normal_looks
                self.passed["(doubtful writes on tickets that nobody else touched)"] += watch.lost[name]
                self.passed["(extra looks for them)"] += max(more, 0)
                say = f"ticket {name}: {more} extra looks for {watch.lost[name]} doubtful writes"
                self.expect(more <= watch.lost[name], say)
