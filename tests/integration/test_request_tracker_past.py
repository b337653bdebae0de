"""Reading the past of a real RT: what was moved on, fields, every form of mail, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from smartticket_connectors.request_tracker import RequestTrackerConnector
from smartticket_daemon.domain import Author, Cursor, Message, Status
from smartticket_daemon.errors import CursorExpired
from tests.doubles.server import HTML, Fault, Reply, Request
from tests.servers.rt import RequestTracker, first_mail
from tests.servers.rt_between import Desk

pytest_plugins = ["tests.servers.rt_fixture"]


def past(
    connector: RequestTrackerConnector, cursor: Cursor | None = None, since: Any = None
) -> dict[str, Message]:
    """What is there, by ticket, in the order in which it came."""
    return {m.ref.ticket: m for batch in connector.past(cursor, since) for m in batch.messages}


def arrives(desk: Desk, mail: EmailMessage | bytes) -> str:
    desk.rt.mail(mail if isinstance(mail, bytes) else mail.as_bytes(), desk.queue)
    return desk.rt.newest(desk.queue)


def html_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Bea <bea@customer.example>", "support@rt.test", subject
    mail.set_content("<p>I was <b>charged</b> twice: grün, 請求書.</p>", subtype="html")
    mail.add_attachment(b"\x00" * 2000, maintype="image", subtype="png", filename="proof.png")
    return mail


def test_the_past_is_what_single_reading_shows_also_of_tickets_that_were_moved_on(
    rt: RequestTracker, desk: Desk
) -> None:
    both = first_mail("Both", "Plain words, few.")
    both.add_alternative("<p>Plain words, few.</p>", subtype="html")
    tickets = [
        arrives(desk, first_mail("Moved", "Where is it?")),
        arrives(desk, html_mail("Charged")),
        arrives(desk, both),
        arrives(desk, b"From: c@customer.example\nSubject: =?utf-8?b?R3LDvG4=?=\n\n"),
        arrives(desk, first_mail("Long", "So it goes. " * 4000)),
        arrives(desk, first_mail("Answered", "Please.")),
        arrives(desk, first_mail("Back again", "Please.")),
    ]
    rt.ask("PUT", f"/ticket/{tickets[0]}", {"Queue": "Billing"})
    rt.ask("PUT", f"/ticket/{tickets[0]}", {"Status": "resolved", "Priority": 7})
    rt.ask("PUT", f"/ticket/{tickets[1]}", {"CustomFields": {"SmartTicket": ["vip"]}})
    answer = {"Content": "We look into it.", "ContentType": "text/plain"}
    rt.ask("POST", f"/ticket/{tickets[5]}/correspond", answer)
    for queue in ("Billing", desk.queue):
        rt.ask("PUT", f"/ticket/{tickets[6]}", {"Queue": queue})
    connector = desk.connector()
    found = past(connector)
    assert list(found) == tickets[::-1]
    for message in found.values():
        again = connector.read(message.ref)
        for name in Message.__slots__:
            assert name == "fields" or getattr(message, name) == getattr(again, name)
    moved = found[tickets[0]]
    assert (moved.group, moved.status) == ("Billing", Status.SOLVED)
    assert moved.fields == (("Queue", "Billing"), ("Priority", "7"))
    assert found[tickets[1]].fields == (("Queue", desk.queue),)
    assert found[tickets[1]].tags == {"vip"}
    assert found[tickets[5]].answered
    assert {m.author for m in found.values()} == {Author.REQUESTER}


def test_moved_tickets_stand_in_their_place_and_come_once(rt: RequestTracker, desk: Desk) -> None:
    tickets = [arrives(desk, first_mail(f"Question {n}", "text")) for n in range(9)]
    for ticket in (*tickets[:3], *tickets[4:6], tickets[8]):
        rt.ask("PUT", f"/ticket/{ticket}", {"Queue": "Billing"})
    connector = desk.connector(batch=2)
    assert connector.extent(None).tickets == 9
    batches = [batch for batch in connector.past(None, None) if batch.messages]
    assert [m.ref.ticket for batch in batches for m in batch.messages] == tickets[::-1]
    rest = past(connector, batches[1].cursor)
    assert list(rest) == tickets[-1 - sum(len(b.messages) for b in batches[:2]) :: -1]
    since = batches[1].messages[0].created
    assert list(past(connector, None, since)) == [
        m.ref.ticket for b in batches for m in b.messages if m.created >= since
    ]


def test_many_tickets_cost_a_handful_of_requests(desk: Desk) -> None:
    tickets = [arrives(desk, first_mail(f"Question {n}", f"This is {n}.")) for n in range(12)]
    connector = desk.connector()
    desk.between.requests.clear()
    assert list(past(connector)) == tickets[::-1]
    searches = [r.path.rpartition("/")[2] for r in desk.between.requests]
    spans = 1 + int(tickets[-1]) // 5_000
    assert len(searches) <= 12 + 2 * spans
    assert searches.count("attachments") == 3
    assert connector.extent(None).tickets == 12
    newest = past(connector)[tickets[-1]].created
    assert connector.extent(newest + timedelta(days=3)).tickets == 0


def test_where_rt_stumbles_over_one_ticket_the_others_are_read(desk: Desk) -> None:
    tickets = [arrives(desk, first_mail(f"Question {n}", "text")) for n in range(3)]

    def stumble(request: Request) -> Fault | None:
        together = request.path.endswith("/REST/2.0/attachments")
        alone = request.path.endswith(f"/ticket/{tickets[1]}/history")
        return Fault(Reply(500, HTML)) if together or alone else None

    desk.between.trouble = stumble
    (batch,) = desk.connector(timeout="3s").past(None, None)
    assert [m.ref.ticket for m in batch.messages] == [tickets[2], tickets[0]]
    assert [u.ref.ticket for u in batch.unreadable] == [tickets[1]]


@pytest.mark.parametrize("text", ['{"settled":1,"seen":[]}', '{"below":-1}', "{}"])
def test_a_cursor_of_another_walk_has_expired(desk: Desk, text: str) -> None:
    with pytest.raises(CursorExpired):
        past(desk.connector(), Cursor(text))
