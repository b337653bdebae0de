"""Fills a mailbox and looks at what became of it, by imaplib alone: none of the daemon's own code is used.

mailbox.py PORT CA USER PASSWORD fill FIRST LAST    append mails FIRST to LAST
mailbox.py PORT CA USER PASSWORD await COUNT        wait until COUNT mails are settled, then check every one
"""

from __future__ import annotations

import imaplib
import re
import ssl
import sys
import time
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import formatdate

PATIENCE = 60.0
UNSURE = "category__unsure"
MAILS = [
    (
        "Charged twice in March",
        "My card was charged twice for invoice 2231 in March. Please check it.",
    ),
    ("App crashes on start", "Since the update the app crashes with error 500 each time I open the reports."),
    ("Cannot log in", "I forgot my password and the reset link never arrives. My account seems locked."),
    (
        "Where is my parcel?",
        "The tracking number of order 58213 has not moved for days. When will it come?",
    ),
    ("Out of office", "I am away until Monday and will read your mail then."),
    ("Please refund my order", "I want to cancel my subscription and get my money back for this month."),
    ("Dark mode, please", "It would be great if you could add a dark theme. Could this become a feature?"),
    ("Very disappointed", "Your support was rude and slow. I am very unhappy and want to file a complaint."),
    ("Opening hours", "Good morning, are you open on Saturdays and do you have a shop in Leeds?"),
    ("Invoice without VAT", "The invoice for April shows no VAT number. Could you send a corrected invoice?"),
    ("Export fails", "Exporting to CSV stops at 40 % and shows a time-out. It worked last week."),
    ("Two-factor code", "The two-factor code is refused when I sign in with my new phone. Please help."),
    ("Wrong size delivered", "You delivered size 9, I ordered size 11. How do I send the shoes back?"),
    ("Refund not received", "You promised a refund two weeks ago and it is still not on my card."),
    ("API for contacts", "We would like an API to add contacts. Is it planned? It would help us a lot."),
]
AUTOMATIC = {4}
LARGE = {10}
"""Large enough for the reader that limits its own memory, which the sandbox must allow."""


def message_id(number: int) -> str:
    return f"<mail-{number}@customer.example>"


def build(number: int) -> bytes:
    subject, text = MAILS[number]
    mail = EmailMessage()
    mail["From"] = f"Customer {number} <customer{number}@customer.example>"
    mail["To"] = "support@example.org"
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = message_id(number)
    if number in AUTOMATIC:
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content(text)
    if number in LARGE:
        rows = "12:00:01 export: row written\n" * 15_000
        mail.set_content(f"{text}\n\n{rows}")
        mail.add_alternative(f"<p>{text}</p><pre>{rows}</pre>", subtype="html")
    return mail.as_bytes()


def fill(imap: imaplib.IMAP4, first: int, last: int) -> None:
    for number in range(first, last + 1):
        status, _ = imap.append("INBOX", None, None, build(number))
        assert status == "OK"


def headers(imap: imaplib.IMAP4, folder: str, name: str) -> list[tuple[str, list[str]]]:
    """One header's value and the flags of every message in a folder, without marking anything as read."""
    _, (messages, *_) = imap.select(folder, readonly=True)
    if messages == b"0":
        return []
    _, data = imap.fetch("1:*", f"(FLAGS BODY.PEEK[HEADER.FIELDS ({name})])")
    found = []
    for item in data:
        if isinstance(item, tuple):
            flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])
            value = BytesHeaderParser().parsebytes(item[1])[name]
            found.append((str(value).strip(), flags[1].decode().split() if flags else []))
    return found


def look(imap: imaplib.IMAP4) -> tuple[dict[str, list[str]], list[str]]:
    """Flags by Message-ID in the inbox, and the Message-ID that each draft answers."""
    inbox = dict(headers(imap, "INBOX", "MESSAGE-ID"))
    return inbox, [answers for answers, _ in headers(imap, "Drafts", "IN-REPLY-TO")]


def categories(flags: list[str]) -> list[str]:
    return [flag for flag in flags if flag.startswith("category__")]


def settled(inbox: dict[str, list[str]], drafts: list[str], count: int) -> bool:
    """Every customer's mail has a category, and every sure one a draft."""
    customers = [message_id(n) for n in range(count) if n not in AUTOMATIC]
    decided = {key: categories(inbox.get(key, [])) for key in customers}
    return all(tags == [UNSURE] or (tags and key in drafts) for key, tags in decided.items())


def check(inbox: dict[str, list[str]], drafts: list[str], count: int) -> str:
    """Raises AssertionError where a mail was treated twice, in part, or against its nature."""
    assert set(inbox) == {message_id(n) for n in range(count)}, f"other mails than ours: {sorted(inbox)}"
    sure = []
    for number in range(count):
        flags, place = inbox[message_id(number)], f"mail {number}"
        assert "\\Seen" not in flags, f"{place} was marked as read"
        tags = categories(flags)
        assert len(tags) == (0 if number in AUTOMATIC else 1), f"{place} carries {tags}"
        sure += [message_id(number)] if tags not in ([], [UNSURE]) else []
    assert sorted(drafts) == sorted(sure), f"drafts answer {sorted(drafts)}, not {sorted(sure)}"
    assert len(sure) * 4 >= count, f"only {len(sure)} of {count} mails were decided"
    unsure = count - len(AUTOMATIC) - len(sure)
    return (
        f"{count} mails: {len(sure)} tagged with one draft each, {unsure} tagged unsure, "
        f"{len(AUTOMATIC)} automatic left alone, none read, none twice"
    )


def await_settled(imap: imaplib.IMAP4, count: int) -> str:
    end = time.monotonic() + PATIENCE
    while not settled(*(found := look(imap)), count):
        assert time.monotonic() < end, f"not settled after {PATIENCE:.0f} s: {found}"
        time.sleep(0.2)
    return check(*found, count)


def main() -> None:
    port, ca, user, password, verb, *numbers = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca)
    with imaplib.IMAP4_SSL("127.0.0.1", int(port), ssl_context=context, timeout=30) as imap:
        imap.login(user, password)
        if verb == "fill":
            fill(imap, *map(int, numbers))
        else:
            print(await_settled(imap, *map(int, numbers)))


if __name__ == "__main__":
    main()
