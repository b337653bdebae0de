"""One run of the campaign on a mailbox: mail, people at work, and the reckoning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from email import message_from_bytes

from bench.crash_life import Lives
from bench.crash_mailboxes import Mailbox, View, identity
from smartticket_daemon.domain import State
from smartticket_daemon.ports import Record
from tests.mixed import Mail


@dataclass
class Run(Lives[Mailbox]):
    """One mailbox of its own."""

    mails: dict[int, Mail] = field(default_factory=dict)
    deliveries: Counter[int] = field(default_factory=Counter)
    acts: dict[int, tuple[str, str]] = field(default_factory=dict)
    answers: dict[int, int] = field(default_factory=dict)

    @property
    def mailbox(self) -> Mailbox:
        return self.place

    def arrive(self, count: int) -> None:
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

    # The reckoning

    def reckon(self, shown: View) -> None:
        """0 lost, 0 twice, one category tag each, people's values untouched, ledger = mailbox."""
        records = list(self.records())
        self._drafts(records, shown)
        by_name: dict[str, list[Record]] = {}
        for record in records:
            by_name.setdefault(record.ref.ticket, []).append(record)
        for number, answered in self.answers.items():
            if not by_name.get(identity(self.mails[answered].raw)):
                # taken away before the daemon saw it, so the answer to it is a first message
                self.mails[number] = replace(self.mails[number], fate="eligible")
        for number, mail in self.mails.items():
            self._message(number, by_name.get(identity(mail.raw), []), shown)

    def _drafts(self, records: list[Record], shown: View) -> None:
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
