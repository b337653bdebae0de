"""Agents at work on tickets, what they want of each, and whether a daemon respected it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.helpdesks import MERGED, THEIRS, Helpdesk, Shown
from smartticket_daemon.domain import State
from smartticket_daemon.ports import Record

UNSURE = "category__unsure"
_ENDS = ("close", "merge", "delete")
_DECIDES = ("retag", "route", "reply", *_ENDS)
ACTS = ("tag", "retag", "route", "reply", "note", "close", "merge", "delete")


@dataclass
class Wish:
    """What people last wanted of one ticket; `decided` is the watch's step at which they first decided."""

    kind: str
    status: str
    acts: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    group: str | None = None
    decided: int | None = None

    @property
    def free(self) -> bool:
        """Whether it may still be worked on."""
        return not any(act in _ENDS for act in self.acts)


class People:
    """The agents of one helpdesk."""

    def __init__(self, desk: Helpdesk, rng: random.Random) -> None:
        self.desk = desk
        self.rng = rng
        self.wishes: dict[str, Wish] = {}

    def see(self, name: str, kind: str) -> None:
        """A ticket has arrived."""
        shown = self.desk.shown(name)
        done = 0 if kind == "decided" else None
        self.wishes[name] = Wish(kind, shown.status, [], set(shown.tags), group=shown.group, decided=done)

    def act(self, name: str, act: str) -> None:
        """Somebody does one of ACTS (or takes our tags off: `untag`), and remembers what it is to be."""
        wish, before = self.wishes[name], self.desk.shown(name)
        ours = {tag for tag in before.tags if tag.startswith("category__")} - wish.tags
        if act in _DECIDES and wish.decided is None:
            wish.decided = self.desk.watch.steps
        wish.acts.append(act)
        getattr(self, f"_{act}")(name, wish, before, ours)
        wish.status = self.desk.shown(name).status

    def _tag(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        wish.tags.add(tag := f"vip-{len(wish.acts)}")
        self.desk.set_tags(name, [*before.tags, tag])

    def _retag(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:
        wish.tags.add(THEIRS)
        wish.gone |= ours - {THEIRS}
        self.desk.set_tags(name, [*(before.tags - ours), THEIRS])

    def _untag(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:
        wish.gone |= ours
        self.desk.set_tags(name, [*(before.tags - ours)])

    def _route(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        wish.group = self.desk.elsewhere
        self.desk.route(name, self.desk.elsewhere)

    def _reply(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        self.desk.reply(name)

    def _note(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        self.desk.note(name)

    def _close(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        self.desk.close(name)

    def _merge(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        others = [other for other, known in self.wishes.items() if other != name and known.free]
        if others:
            self.desk.merge(name, into := self.rng.choice(others))
            if self.desk.inherits and self.wishes[into].decided is None:
                self.wishes[into].decided = wish.decided
        else:
            wish.acts[-1] = "close"
            self.desk.close(name)

    def _delete(self, name: str, wish: Wish, before: Shown, ours: set[str]) -> None:  # noqa: ARG002
        self.desk.delete(name)

    def somebody(self, at: str = "") -> None:
        """Anybody does anything; our tags are taken off only where our work is complete.

        Nor are they from the ticket `at`, where that looks like a page opened earlier.
        """
        free = [name for name, wish in self.wishes.items() if wish.free]
        if not free:
            return
        name = self.rng.choice(free)
        shown = self.desk.shown(name)
        done = bool(shown.notes) and THEIRS not in shown.tags and (name != at or self.desk.guards)
        act = self.rng.choice((*ACTS, "untag") if done else ACTS)
        if act not in ("retag", "route") or act not in self.wishes[name].acts:
            self.act(name, act)


def judge(desk: Helpdesk, name: str, wish: Wish, shown: Shown, records: Sequence[Record]) -> Iterator[str]:
    """Everything in which one ticket, and the journal's records of it, are not as they must be."""
    yield from _lost_or_twice(desk, wish, shown, records)
    if shown.status == MERGED:
        return
    yield from overruled(wish, shown)
    out_of_sight = not shown.exists and [r.state for r in records] == [State.SKIPPED]
    if len(records) == 1 and not out_of_sight:
        yield from _as_recorded(desk, name, wish, shown, records[0])


def overruled(wish: Wish, shown: Shown) -> Iterator[str]:
    """What a person set or took off, and is not so any more."""
    if lost := wish.tags - shown.tags:
        yield f"a person's tags are gone: {sorted(lost)}"
    if back := wish.gone & shown.tags:
        yield f"tags that a person took off are back: {sorted(back)}"
    if wish.group is not None and shown.group != wish.group:
        yield f"a person's group became {shown.group}"
    if shown.status != wish.status:
        yield f"the status {wish.status} became {shown.status}"
    if THEIRS in wish.tags and (both := _categories(shown) - {THEIRS}):
        yield f"beside a person's category stands {sorted(both)}"


def _categories(shown: Shown) -> set[str]:
    return {tag for tag in shown.tags if tag.startswith("category__")}


def _lost_or_twice(desk: Helpdesk, wish: Wish, shown: Shown, records: Sequence[Record]) -> Iterator[str]:
    if len(shown.notes) > 1:
        yield f"{len(shown.notes)} notes"
    unseen = any(act in desk.hides for act in wish.acts)
    if len(records) != 1 and not (unseen and not records):
        yield f"recorded {len(records)} times"
    if not records and (shown.notes or _categories(shown) - wish.tags):
        yield "written to and not recorded"


def _as_recorded(desk: Helpdesk, name: str, wish: Wish, shown: Shown, record: Record) -> Iterator[str]:
    category = record.decision.category or ""
    tag = {State.APPLIED: f"category__{category}", State.ABSTAINED: UNSURE}.get(record.state)
    ours = _categories(shown) - wish.tags
    notes = (record.receipt.note_id,) if record.state is State.APPLIED and record.receipt else ()
    if shown.notes != notes:
        yield f"{record.state.value} ({record.decision.reason}) with the notes {shown.notes}, not {notes}"
    if tag is None:
        if wish.kind == "customer" and wish.decided is None:
            yield f"{record.state.value}: {record.decision.reason}"
        if begun(wish, shown) and (desk.atomic or not _was_in_hand(desk, name, wish)):
            yield f"half-tagged: left alone with {sorted(ours)} in the group {shown.group}"
        return
    if wish.kind != "customer":
        yield f"{wish.kind}: {record.state.value}"
    if THEIRS not in wish.tags and ours != {tag} - wish.gone:
        yield f"half-tagged: {record.state.value} as {category} with {sorted(ours)}"
    route = desk.routes.get(category) if record.state is State.APPLIED else None
    if wish.group is None and shown.group != route:
        yield f"half-tagged: {record.state.value} as {category} in the group {shown.group}"


def begun(wish: Wish, shown: Shown) -> bool:
    """Whether something of ours stands on a ticket."""
    return bool(_categories(shown) - wish.tags) or (wish.group is None and shown.group is not None)


def _was_in_hand(desk: Helpdesk, name: str, wish: Wish) -> bool:
    """Whether people decided only after the look that our first write rests on: they take over its work."""
    return wish.decided is not None and wish.decided >= desk.watch.began.get(name, wish.decided + 1)
