"""The doubles of Zendesk and Freshdesk as helpdesks of the campaigns, each at a clock of its own."""

from __future__ import annotations

from pathlib import Path

from bench.helpdesks import Helpdesk, Shown, Watched
from smartticket_daemon.http import Clock
from smartticket_daemon.pipeline import Source
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_desk import FreshdeskHarness
from tests.doubles.freshdesk_state import CLOSED, FIRST_ID
from tests.doubles.hour import Hour
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account, group_id
from tests.doubles.zendesk_state import GROUPS, OURS


class _Zendesk(Watched, ZendeskDouble): ...


class Zendesk(Helpdesk):
    """Over the double of Zendesk, whose clock moves with each request."""

    kind = "zendesk"
    elsewhere = "Complaints"
    atomic = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server: _Zendesk = _Zendesk()
        self.server.desk = self
        self.server.pace = 1
        self.server.limits["export"].total = 1_000_000
        self.server.trouble = self.watch.trouble  # type: ignore[assignment]
        self._account = Account(self.server, folder, step=0)

    def settings(self) -> str:
        secret = self._account.secret("secret", self.server.secret)
        return (
            f'url = "{self.server.url}"\nclient_id = "{self.server.client}"\n'
            f'client_secret_file = "{secret}"\nbatch = 5\nbudget = 1\n'
        )

    def attune(self, source: Source) -> None:
        source.connector._desk.session.clock = self.server.hour.clock()  # type: ignore[attr-defined]

    def wait(self, seconds: float) -> None:
        self.server.hour.forward(seconds)

    def create(self, subject: str, body: str, sender: str) -> str:
        return str(self.server.create(subject, body, sender))

    def shown(self, name: str) -> Shown:
        with self.server.lock:
            record = self.server.tickets[int(name)]
            notes = tuple(str(note["id"]) for note in self.server.notes(record.id))
            group = GROUPS[record.group] if record.group else None
            return Shown(record.status != "deleted", record.status, frozenset(record.tags), group, notes)

    def public(self) -> int:
        audits = [a for record in self.server.tickets.values() for a in record.audits]
        events = [e for a in audits for e in a["events"] if e["type"] == "Comment" and e["public"]]
        ours = sum(event["author_id"] == OURS for event in events)
        return self.server.public + ours + len(self.server.violations) + len(self.server.errors)

    def set_tags(self, name: str, tags: list[str]) -> None:
        self.server.change(int(name), tags=sorted(tags))

    def route(self, name: str, group: str) -> None:
        self.server.change(int(name), group=group_id(group) if group else None)

    def close(self, name: str) -> None:
        self.server.change(int(name), status="closed")

    def merge(self, name: str, into: str) -> None:  # noqa: ARG002 - the tag is all that shows
        tags = [*self.server.tickets[int(name)].tags, "closed_by_merge"]
        self.server.change(int(name), status="closed", tags=tags)

    def reply(self, name: str) -> None:
        self.server.speak(int(name))

    def note(self, name: str) -> None:
        self.server.speak(int(name), public=False)

    def delete(self, name: str) -> None:
        self.server.change(int(name), status="deleted")


class _Freshdesk(Watched, FreshdeskDouble): ...


class Freshdesk(Helpdesk):
    """Over the double of Freshdesk, at a clock that moves with each request; its list lags behind."""

    kind = "freshdesk"
    elsewhere = "Elsewhere"
    guards = False

    def __init__(self, folder: Path, field: str = "") -> None:
        super().__init__(folder)
        self.hour = Hour()
        self.server: _Freshdesk = _Freshdesk(self.hour.now)
        self.server.desk = self
        self.server.trouble = self.watch.trouble
        self.server.before = lambda _: self.hour.forward(1)
        self.server.lag = lambda ticket: ticket.id % 5
        self.server.account.groups[FIRST_ID + 12] = self.elsewhere
        self._field = field
        self._account = self.server.account
        self._harness = FreshdeskHarness(self.server, folder)

    def settings(self) -> str:
        file = self._harness.settings().api_key_file
        field = f'category_field = "{self._field}"\n' if self._field else ""
        return f'url = "{self.server.url}"\napi_key_file = "{file}"\nbatch = 3\nbudget = 1\n{field}'

    def attune(self, source: Source) -> None:
        hour = self.hour
        clock = Clock(hour.monotonic, hour.now, hour.forward)
        source.connector._api.session.clock = clock  # type: ignore[attr-defined]

    def wait(self, seconds: float) -> None:
        self.hour.forward(seconds)

    def create(self, subject: str, body: str, sender: str) -> str:
        return self._account.deliver(subject, body, sender)

    def shown(self, name: str) -> Shown:
        with self.server.lock:
            ticket = self._account.ticket(name)
            ours = [c for c in ticket.conversations if c.user == self._account.agent]
            tags = {*ticket.tags, *filter(None, (ticket.custom.get(self._field) or "").split(", "))}
            group = self._account.groups.get(ticket.group or 0)
            notes = tuple(str(c.id) for c in ours)
            return Shown(not ticket.deleted, str(ticket.status), frozenset(tags), group, notes)

    def public(self) -> int:
        return self._harness.public() + len(self.server.violations) + len(self.server.errors)

    def set_tags(self, name: str, tags: list[str]) -> None:
        with self.server.lock:
            values = sorted(tag for tag in tags if self._field and tag.startswith("category__"))
            if self._field:
                self._account.ticket(name).custom[self._field] = ", ".join(values) or None
            self._account.agent_saves_tags(name, sorted(set(tags) - set(values)))

    def route(self, name: str, group: str) -> None:
        self._account.agent_routes(name, group or None)

    def close(self, name: str) -> None:
        self._account.agent_sets_status(name, CLOSED)

    def merge(self, name: str, into: str) -> None:
        self._account.merge(name, into)

    def reply(self, name: str) -> None:
        self._account.agent_answers(name)

    def note(self, name: str) -> None:
        self._account.agent_notes(name)

    def delete(self, name: str) -> None:
        self._account.delete(name)
