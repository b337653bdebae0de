"""A mixed mailbox, seeded: customers' mail from our own corpus, machine mail, malformed mail.

Each message carries its number in a header, so that a test can follow it whatever becomes of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "training" / "smartticket_training" / "corpus" / "en"
NUMBER = "X-Test-Number"
NAMES = ("Ann Ash", "Bo Birch", "Cy Cedar", "Di Dogwood", "Ed Elm", "Flo Fir", "Gus Gum", "Hal Hazel")


@dataclass(frozen=True, slots=True)
class Mail:
    """One message and what is to become of it: `eligible`, or a skip reason."""

    number: int
    fate: str
    raw: bytes


def mixed(count: int, seed: int = 1) -> list[Mail]:
    """`count` mails: 5 % machine mail (automatic, bounce, list), 1 % malformed, the rest plain."""
    rng = random.Random(seed)
    words = texts(rng)
    machine = [("auto_reply", "bounce", "list")[n % 3] for n in range(count * 5 // 100)]
    fates = machine + ["malformed"] * (count // 100)
    fates += ["eligible"] * (count - len(fates))
    rng.shuffle(fates)
    return [_mail(number, fate, next(words), rng) for number, fate in enumerate(fates)]


def texts(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Subjects and bodies of customers, without an end."""
    rows = [
        json.loads(line)
        for file in sorted(CORPUS.glob("*.jsonl"))
        for line in file.read_text("utf-8").split("\n")
        if line
    ]
    while True:
        rng.shuffle(rows)
        yield from ((row["subject"], row["body"]) for row in rows)


def _mail(number: int, fate: str, text: tuple[str, str], rng: random.Random) -> Mail:
    mail = EmailMessage()
    name = rng.choice(NAMES)
    mail["From"] = f"{name} <{name.split()[0].lower()}{number}@customer.example>"
    mail["To"] = "support@example.org"
    mail["Subject"] = text[0]
    mail["Date"] = format_datetime(datetime.now(UTC) - timedelta(minutes=rng.randrange(600)))
    mail["Message-ID"] = f"<{number}.{rng.getrandbits(64):x}@customer.example>"
    mail[NUMBER] = str(number)
    mail.set_content(text[1])
    if rng.random() < 0.3:
        mail.add_alternative(f"<html><body><p>{text[1]}</p></body></html>", subtype="html")
    if rng.random() < 0.1:
        mail.add_attachment(rng.randbytes(20_000), "image", "png", filename="screenshot.png")
    if fate == "malformed":
        return Mail(number, "eligible", _malform(mail.as_bytes(), rng))
    _mark(mail, fate)
    return Mail(number, fate, mail.as_bytes())


def _mark(mail: EmailMessage, fate: str) -> None:
    if fate == "auto_reply":
        mail["Auto-Submitted"] = "auto-replied"
    elif fate == "list":
        mail["List-Id"] = "News <news.customer.example>"
        mail["Precedence"] = "list"
    elif fate == "bounce":
        mail.replace_header("From", "Mail Delivery System <mailer-daemon@customer.example>")
        mail["X-Failed-Recipients"] = "nobody@customer.example"


def _malform(raw: bytes, rng: random.Random) -> bytes:
    """Damage that mail really has: raw 8-bit headers, a boundary that never comes, a cut-off end."""
    damages = [
        raw.replace(b"Subject: ", b"Subject: \xff\xfe=?utf-8?b?4pyT", 1),
        raw.replace(b"Content-Type: text/plain", b'Content-Type: multipart/mixed; boundary="never', 1),
        raw[: max(len(raw) * 2 // 3, raw.index(b"\n\n") + 40)],
        raw.replace(b'charset="utf-8"', b'charset="no-such-charset"', 1),
    ]
    return rng.choice(damages)
