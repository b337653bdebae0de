"""One run of the campaign: a mailbox, a daemon that dies again and again, people at work, the reckoning."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from functools import cached_property
from pathlib import Path

from bench.crash_mailboxes import Mailbox, View, identity
from bench.crash_points import LOST, Fate, lost_answers, points
from smartticket_config.settings import Configuration, Settings, load
from smartticket_daemon.assemble import Parts, build_source, load_model, load_replies
from smartticket_daemon.domain import State
from smartticket_daemon.errors import SmartTicketError
from smartticket_daemon.journal import hold_state, open_journal
from smartticket_daemon.ports import LEDGER_WORDS, Record
from smartticket_daemon.runner import run_once
from tests.mixed import Mail, mixed

LIVES = 25
"""A daemon that is left alone must be done long before."""
HELD = 75
_SETTINGS = """
[daemon]
state_dir = "{state}"
retry_base = "1ms"
lease = "1ms"
[policy]
mode = "suggest"
[categories.billing]
route = "Billing"
threshold = 0.4
[categories.technical_issue]
route = "Second level"
threshold = 0.4
[categories.order_delivery]
route = "Orders"
threshold = 0.4
[sources.box]
kind = "{kind}"
start = "all"
own_addresses = ["support@example.org"]
"""


class World:
    """What all runs share, made once and inherited by every fork."""

    def __init__(self, seed: int) -> None:
        everything = mixed(1500, seed)
        self.eligible = [m for m in everything if m.fate == "eligible"]
        self.machine = [m for m in everything if m.fate != "eligible"]
        self.model, self.replies = load_model(Settings()), load_replies(Settings())


@dataclass
class Run:
    """`passed` counts deaths and lost answers by point, `wrong` says what is not as it must be."""

    world: World
    mailbox: Mailbox
    folder: Path
    rng: random.Random
    passed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    mails: dict[int, Mail] = field(default_factory=dict)
    deliveries: Counter[int] = field(default_factory=Counter)
    acts: dict[int, tuple[str, str]] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)

    @cached_property
    def configuration(self) -> Configuration:
        file = self.folder / "smartticket.toml"
        text = _SETTINGS.format(state=self.folder / "state", kind=self.mailbox.kind)
        file.write_text(text + self.mailbox.settings(), "utf-8")
        return load(file)

    # What happens

    def go(self, fates: list[Fate], daemons: int = 1) -> None:
        """Live through every fate with mail and people in between, then on to the end, then reckon."""
        self.new_mail(self.rng.randint(3, 6))
        for fate in fates:
            self._live(fate, daemons)
            if self.rng.random() < 0.5:
                self.new_mail(self.rng.randint(1, 2))
            if self.rng.random() < 0.6:
                self.person()
        if not self._finish():
            self.wrong.append(f"not done after {LIVES} lives")
        shown = self.mailbox.view()
        self._live(Fate(), 1)
        if self.mailbox.view() != shown:
            self.wrong.append("a round with nothing to do changed the mailbox")
        self.reckon(shown)

    def _finish(self) -> bool:
        return any(self._live(Fate(), 1) == 0 for _ in range(LIVES))

    def new_mail(self, count: int) -> None:
        """Mostly customers; now and then machine mail, a second delivery, an answer to an earlier mail."""
        for _ in range(count):
            dice = self.rng.random()
            free = [n for n in self.mails if n not in self.acts]
            if dice < 0.12 and free:
                self._deliver(self.mails[self.rng.choice(free)])
                continue
            mail = self.rng.choice(self.world.machine if dice < 0.3 else self.world.eligible)
            if mail.number not in self.mails:
                self._deliver(self._answering(mail) if 0.3 <= dice < 0.4 else mail)

    def _answering(self, mail: Mail) -> Mail:
        earlier = [n for n, m in self.mails.items() if "Message-ID" in message_from_bytes(m.raw)]
        if not earlier:
            return mail
        self.answers[mail.number] = self.rng.choice(earlier)
        to = message_from_bytes(self.mails[self.answers[mail.number]].raw)["Message-ID"]
        return replace(mail, fate="follow_up", raw=f"In-Reply-To: {to}\n".encode() + mail.raw)

    def _deliver(self, mail: Mail) -> None:
        self.mails[mail.number] = mail
        self.deliveries[mail.number] += 1
        self.mailbox.deliver(mail.raw)

    def person(self) -> None:
        """Somebody works on a message that nobody worked on before."""
        free = [n for n in self.mails if n not in self.acts and self.deliveries[n] == 1]
        if not free:
            return
        number = self.rng.choice(free)
        act = self.rng.choice(("retag", "answer", "move", "return_it", "delete"))
        value = {"retag": "category__refund_cancellation", "move": "Elsewhere"}.get(act, "")
        getattr(self.mailbox, act)(number, *([value] if value else []))
        self.acts[number] = (act, value)

    # The daemon

    def _live(self, fate: Fate, daemons: int) -> int:
        """One life of a daemon (or of several at once); returns the exit code, negative for a signal."""
        configuration = self.configuration
        children = [self._fork(configuration, fate if n == 0 else Fate()) for n in range(daemons)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        if codes[0] == -signal.SIGKILL or (self.folder / "told").exists():
            self.passed[fate.point] += 1
            (self.folder / "told").unlink(missing_ok=True)
        elif codes[0] == -signal.SIGALRM:
            self.passed["at a random time"] += 1
        if daemons > 1 and HELD in codes:
            self.passed["second daemon refused"] += 1
        for code in codes:
            if code not in (0, 69, HELD, -signal.SIGKILL, -signal.SIGALRM):
                self.wrong.append(f"exit code {code} at {fate.point}")
        return codes[0]

    def _fork(self, configuration: Configuration, fate: Fate) -> int:
        model, replies = self.world.model, self.world.replies
        if pid := os.fork():
            return pid
        code = 70
        try:
            sys.stdout = sys.stderr = (self.folder / "log").open("a", 1, "utf-8")
            replace(fate, told=self.folder / "told").install(self.mailbox.kind)
            state = configuration.settings.daemon.state_dir
            with hold_state(state):
                journal = open_journal(state)
                parts = Parts(configuration, model, replies, journal)
                code = run_once([build_source("box", parts)])
                journal.close()
        except SmartTicketError as error:
            code = error.exit_code
        finally:
            os._exit(code)

    # The reckoning

    def reckon(self, shown: View) -> None:
        """0 lost, 0 twice, one category tag each, people's values untouched, ledger = mailbox."""
        journal = open_journal(self.configuration.settings.daemon.state_dir)
        records, ledger = journal.find(""), journal.ledger().get("box", {})
        journal.close()
        self._ledger(ledger, records, shown)
        by_name: dict[str, list[Record]] = {}
        for record in records:
            by_name.setdefault(record.ref.ticket, []).append(record)
        for number, answered in self.answers.items():
            if not by_name.get(identity(self.mails[answered].raw)):
                # taken away before the daemon saw it, so the answer to it is a first message
                self.mails[number] = replace(self.mails[number], fate="eligible")
        for number, mail in self.mails.items():
            self._message(number, by_name.get(identity(mail.raw), []), shown)

    def _ledger(self, ledger: dict[str, int], records: list[Record], shown: View) -> None:
        self.expect(ledger["seen"] == sum(ledger[w] for w in LEDGER_WORDS[1:]), f"the ledger leaks: {ledger}")
        self.expect(ledger["seen"] == len(records), "the ledger and the records differ")
        self.expect(ledger["pending"] == 0, f"work is left: {ledger}")
        self.expect(ledger["quarantined"] == 0, f"healthy work is quarantined: {ledger}")
        self.expect(
            len(set(shown.drafts)) == len(shown.drafts), f"two drafts for one message: {shown.drafts}"
        )
        noted = sum(1 for r in records if r.state is State.APPLIED and r.receipt and r.receipt.note_id)
        gone = sum(1 for act, _ in self.acts.values() if act in ("delete", "move"))
        self.expect(0 <= len(shown.drafts) - noted <= gone, f"{noted} receipts, {len(shown.drafts)} drafts")

    def _message(self, number: int, records: list[Record], shown: View) -> None:
        act, value = self.acts.get(number, ("", ""))
        mail, copies = self.mails[number], [c for c in shown.copies if c.number == number]
        tags = {tag for copy in copies for tag in copy.tags}
        drafts = shown.drafts.count(str(message_from_bytes(mail.raw)["Message-ID"]))
        say = f"message {number} ({mail.fate}, {act or 'left alone'})"
        if act != "delete":
            self.expect(len(copies) == self.deliveries[number], f"{say}: {len(copies)} copies lie there")
        if act not in ("delete", "move"):
            self.expect(len(records) == self.deliveries[number], f"{say}: counted {len(records)} times")
        if act == "retag":
            self.expect(tags == {value}, f"{say}: a person's tag became {sorted(tags)}")
        if act in ("", "return_it"):
            self._untouched(say, mail, records, tags, drafts)

    def _untouched(self, say: str, mail: Mail, records: list[Record], tags: set[str], drafts: int) -> None:
        states = Counter(r.state for r in records if r.decision.reason != "duplicate")
        self.expect(sum(states.values()) == 1, f"{say}: decided {dict(states)}")
        first = next((r for r in records if r.decision.reason != "duplicate"), None)
        if first is None:
            return
        if mail.fate != "eligible":
            self.expect(
                (first.state, tags, drafts) == (State.SKIPPED, set(), 0), f"{say}: {first.state} {tags}"
            )
        elif first.state is State.APPLIED:
            wanted = {f"category__{first.decision.category}"}
            self.expect((tags, drafts) == (wanted, 1), f"{say}: {sorted(tags)}, {drafts} drafts")
        else:
            wanted = {"category__unsure"} if first.state is State.ABSTAINED else set()
            self.expect(
                (tags, drafts) == (wanted, 0), f"{say}: {first.state}, {sorted(tags)}, {drafts} drafts"
            )
            self.expect(first.state is State.ABSTAINED, f"{say}: {first.state} {first.decision.reason}")

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)


def fates_for(number: int, kind: str, rng: random.Random, *, answers: bool) -> list[Fate]:
    """Every point in turn, then some more at random and at random times."""
    names = lost_answers(kind) if answers else points(kind)

    def named(point: str) -> Fate:
        error = rng.choice(LOST) if answers else None
        return Fate(point, rng.choice((1, 1, 1, 1, 2, 3)), error=error)

    fates = [named(names[number % len(names)])]
    while rng.random() < 0.5:
        timed = rng.random() < 0.4
        fates.append(Fate(seconds=rng.uniform(0.001, 0.15)) if timed else named(rng.choice(names)))
    return fates
