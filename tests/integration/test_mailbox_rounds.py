"""Whole rounds of the daemon on real servers, while people, attackers and accidents are at work."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from smartticket_config.settings import load
from smartticket_daemon.assemble import prepare
from smartticket_daemon.journal import open_journal
from smartticket_daemon.pipeline import Source, deliver, ingest
from smartticket_daemon.polling import poll
from smartticket_daemon.runner import run_once
from tests.servers.mailserver import Account

pytest_plugins = ["tests.servers.fixtures"]
BILL = "I was charged twice this month and my invoice shows the wrong amount. Please correct the bill."
SURE = "[categories.billing]\nthreshold = 0.3\n"
TAGGED = "category__billing"


def mail(subject: str, sender: str = "ann@customer.example", **headers: str) -> bytes:
    """A customer's mail; its Message-ID follows from the subject where no other is given."""
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = sender, "support@example.org", subject
    for name, value in {"Message-ID": f"<{subject}@customer.example>", **headers}.items():
        if value:
            one[name.replace("_", "-")] = value
    one.set_content(BILL)
    return one.as_bytes()


@dataclass
class Desk:
    """An account, a state directory, and the settings between them."""

    account: Account
    root: Path
    tables: str = SURE
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.root / "state"

    def round(self, work: Callable[[Source], int] = poll) -> tuple[int, dict[str, int]]:
        """One round in a new process' place: exit code and what of the ledger is not nought."""
        file = self.root / "smartticket.toml"
        env = self.account.server.env
        values = {
            "kind": "imap",
            "host": "localhost",
            "port": int(env["IMAPS_PORT"]),
            "ca_file": env["IMAP_CA"],
        }
        values |= {"username": self.account.user, "password_file": str(self.account.secret), "start": "all"}
        lines = [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in (values | self.source).items()]
        head = f'[daemon]\nstate_dir = "{self.state}"\nretry_base = "1ms"\nlease = "1ms"\n{self.tables}'
        file.write_text("\n".join([head, "[sources.box]", *lines]), "utf-8")
        journal = open_journal(self.state)
        try:
            code = run_once(prepare(load(file), journal), work)
            return code, {k: v for k, v in journal.ledger()["box"].items() if v}
        finally:
            journal.close()

    def between(self, deed: Callable[[], None]) -> tuple[int, dict[str, int]]:
        """A round in which a person does something after the reading and before the writing."""

        def work(source: Source) -> int:
            ingest(source)
            deed()
            deliver(source)
            return 0

        return self.round(work)

    def headers(self, folder: str) -> list[Any]:
        rows = self.account.rows(folder, "BODY.PEEK[HEADER]")
        return [message_from_bytes(row[b"BODY[HEADER]"]) for row in rows.values()]

    def drafts(self) -> Counter[str]:
        """How many drafts answer each address."""
        return Counter(header["To"] for header in self.headers("Drafts"))

    def tags(self, folder: str = "INBOX") -> list[set[str]]:
        rows = self.account.rows(folder, "FLAGS")
        return [{f.decode() for f in row[b"FLAGS"] if not f.startswith(b"\\")} for row in rows.values()]


@pytest.fixture(
    params=[
        pytest.param("dovecot", marks=pytest.mark.dovecot),
        pytest.param("cyrus", marks=pytest.mark.cyrus),
    ]
)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    return Desk(request.getfixturevalue(request.param).account(), tmp_path)


def test_one_message_id_of_two_people_hides_nobodys_mail(desk: Desk) -> None:
    shared = {"Message_ID": "<form@shop.example>", "Message-ID": ""}
    desk.account.deliver(mail("1", "eve@evil.example", **shared), mail("2", "bob@good.example", **shared))
    assert desk.round() == (0, {"seen": 2, "applied": 2})
    with desk.account.client("INBOX") as client:
        client.create_folder("Done")
        client.move([1, 2], "Done")
    desk.account.deliver(mail("3", "cy@good.example", **shared), mail("4", "bob@good.example", **shared))
    assert desk.round() == (0, {"seen": 3, "applied": 3})
    assert desk.drafts() == {"eve@evil.example": 1, "bob@good.example": 1, "cy@good.example": 1}


def test_one_mail_three_times_is_answered_once_and_counted(desk: Desk) -> None:
    nameless = mail("again", **{"Message-ID": ""})
    desk.account.deliver(nameless, nameless, mail("1"), mail("1"))
    assert desk.round() == (0, {"seen": 4, "applied": 2, "skipped": 2})
    desk.account.deliver(nameless, mail("1"))
    assert desk.round() == desk.round() == (0, {"seen": 6, "applied": 2, "skipped": 4})
    assert desk.drafts().total() == 2


def test_forged_marks_of_ours_gain_nothing(desk: Desk) -> None:
    desk.account.deliver(mail("1"))
    desk.round()
    (draft,) = desk.headers("Drafts")
    ours = ("X-SmartTicket-Key", "X-SmartTicket-Seal")
    forged = {name: " ".join(draft[name].split()) for name in ours}
    desk.account.deliver(
        mail("2", "bob@customer.example", **forged),
        mail("3", "cy@customer.example", **{"Message-ID": draft["Message-ID"]}),
        mail("4", "di@customer.example", In_Reply_To=draft["Message-ID"]),
    )
    assert desk.round() == (0, {"seen": 4, "applied": 3, "skipped": 1})
    assert set(desk.drafts().values()) == {1}
    assert desk.tags() == [{TAGGED}, {TAGGED}, {TAGGED}, set()]


def test_a_persons_tag_wins_also_where_tags_share_no_prefix(desk: Desk) -> None:
    desk.tables = (
        '[categories.billing]\ntag = "Bill"\nthreshold = 0.3\n[categories.technical_issue]\ntag = "Tech"\n'
    )
    desk.account.deliver(mail("1"))

    def decide() -> None:
        with desk.account.client("INBOX") as client:
            client.add_flags([1], [b"tech"])

    assert desk.between(decide) == (0, {"seen": 1, "skipped": 1})
    assert [{tag.lower() for tag in tags} for tags in desk.tags()] == [{"tech"}]
    assert not desk.drafts()


def test_what_was_moved_away_and_back_meanwhile_is_triaged(desk: Desk) -> None:
    desk.account.deliver(mail("1"))

    def there_and_back() -> None:
        with desk.account.client("INBOX") as client:
            client.create_folder("Elsewhere")
            client.move([1], "Elsewhere")
            client.select_folder("Elsewhere")
            client.move([1], "INBOX")

    assert desk.between(there_and_back) == (0, {"seen": 1, "applied": 1})
    assert desk.round() == (0, {"seen": 1, "applied": 1})
    assert (desk.tags(), desk.drafts().total()) == ([{TAGGED}], 1)


@pytest.mark.parametrize("again", ["inbox", "Inbox"])
def test_the_inbox_is_one_folder_in_any_spelling(desk: Desk, again: str) -> None:
    desk.tables = f'[categories.billing]\nthreshold = 0.3\nroute = "{again}"\n'
    desk.source = {"folder": "INBOX", "start": "now"}
    desk.round()
    desk.account.deliver(mail("1"))
    desk.source["folder"] = again
    assert desk.round() == desk.round() == (0, {"seen": 1, "applied": 1})
    assert list(desk.account.rows("INBOX", "FLAGS")) == [1]


@pytest.mark.parametrize("route", ["Ärger & mehr", "Level/Zwei", " a*b"])
def test_routes_with_odd_names(desk: Desk, route: str) -> None:
    desk.tables = f'[categories.billing]\nthreshold = 0.3\nroute = "{route}"\n'
    desk.account.deliver(mail("1"))
    assert desk.round() == desk.round() == (0, {"seen": 1, "applied": 1})
    assert desk.tags(route) == [{TAGGED}]


def test_a_route_that_cannot_be_made_is_the_operators_to_mend(desk: Desk) -> None:
    cyrus = "cyrus" in str(desk.account.server._script)
    desk.tables = f'[categories.billing]\nthreshold = 0.3\nroute = "{"no%" if cyrus else "no.dots"}"\n'
    desk.account.deliver(mail("1"))
    assert desk.round() == desk.round() == (78, {"seen": 1, "pending": 1})
    assert desk.drafts().total() == 1


def test_a_lost_or_restored_journal_writes_no_second_draft(desk: Desk) -> None:
    desk.account.deliver(*(mail(str(n)) for n in range(4)))
    desk.round()
    shutil.copytree(desk.state, desk.root / "old")
    desk.account.deliver(mail("5"), mail("6"))
    assert desk.round() == (0, {"seen": 6, "applied": 6})
    before = desk.drafts().total(), desk.tags()
    for copy in (None, desk.root / "old"):
        shutil.rmtree(desk.state)
        if copy:
            shutil.copytree(copy, desk.state)
        assert desk.round() == (0, {"seen": 6, "applied": 6})
        assert (desk.drafts().total(), desk.tags()) == before
    shutil.rmtree(desk.state)
    desk.source["start"] = "now"
    assert desk.round() == (0, {})
    assert (desk.drafts().total(), desk.tags()) == before


def test_a_draft_that_was_sent_before_its_receipt_was_noted_is_not_written_again(desk: Desk) -> None:
    desk.account.deliver(mail("1"))

    def die_before_the_receipt(source: Source) -> int:
        ingest(source)
        (work,) = source.journal.claim(source.name, source.clock(), 60, 9)
        source.connector.apply(work.ref, work.triage, work.key)
        return 0

    desk.round(die_before_the_receipt)
    with desk.account.client("Drafts") as client:
        if not client.folder_exists("Sent"):
            client.create_folder("Sent")
        client.move(client.search(), "Sent")
    assert desk.round() == desk.round() == (0, {"seen": 1, "skipped": 1})
    assert (desk.drafts().total(), desk.tags()) == (0, [{TAGGED}])


@pytest.mark.dovecot
def test_renumbering_in_the_middle_of_a_backlog(dovecot: Any, tmp_path: Path) -> None:
    desk = Desk(dovecot.account(), tmp_path, source={"batch": 2})
    desk.account.deliver(*(mail(str(n)) for n in range(7)))

    def one_batch(source: Source) -> int:
        ingest(replace(source, stopping=lambda: True))
        return 0

    assert desk.round(one_batch)[1] == {"seen": 2, "pending": 2}
    dovecot.run("uidreset", desk.account.user)
    assert desk.round() == desk.round() == (0, {"seen": 7, "applied": 7})
    assert (desk.drafts().total(), desk.tags()) == (7, [{TAGGED}] * 7)
