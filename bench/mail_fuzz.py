"""Feeds mutated and built hostile mails through the whole mail layer and reports the worst of them.

Every mail goes the way of a real one: split, message, filters, draft. Time is wall time. Memory is the
peak of the resident set while one mail is read (VmHWM, reset before it, with free memory given back to
the system first) minus the resident set before; it counts what native parsers allocate too. A mail that is
read in a process of its own is read here once more, so that its memory is counted in full.
`make_mails` is deterministic in its seed.

    python bench/mail_fuzz.py --count 10000 --seed 1
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from smartticket_connectors.mail.content import read_content
from smartticket_connectors.mail.draft import build_draft
from smartticket_connectors.mail.isolated import is_heavy
from smartticket_connectors.mail.message import message_from
from smartticket_connectors.mail.parts import split
from smartticket_daemon.domain import Note
from smartticket_daemon.errors import RejectedError
from smartticket_daemon.filters import FilterRules, reason_to_skip

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RULES = FilterRules(
    category_tags=frozenset(),
    own_addresses=frozenset(),
    triage_replies=False,
    max_age=None,
    start=None,
    now=NOW,
)
MAX_DRAFT = 64 * 1024

TOKENS = (
    b"\n--",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xfe\xfd",
    b"=?utf-8?B?" + b"/" * 40 + b"?=",
    b"=?iso-2022-jp?Q?=1B$B" + b"!" * 20 + b"?= ",
    b"(" * 3_000,
    b"<" * 3_000,
    b'"\\' * 2_000,
    b"> " * 2_000,
    b"On 1 May 2024 at 10:00, <",
    b" " * 20_000,
    b"<div>" * 2_000,
    b"<b id=1><p>" * 2_000,
    b"<table><tr><td>" * 1_000,
    b"<!--" * 1_000,
    b"&#" + b"9" * 5_000,
    b"content-type: multipart/mixed; boundary=a\n\n--a\n" * 60,
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"Content-Type: text/html; charset=utf-16\n\n",
    b"Content-Type: text/plain; charset=utf-7\n\n",
    b"Content-Type: application/ms-tnef\n\n\x78\x9f\x3e\x22\0\0",
    b"Content-Type: message/rfc822\n\n" * 30,
    "\u0301".encode() * 3_000,
    "\u202e\u200b".encode() * 500,
)


def built_mails() -> Iterator[tuple[str, bytes]]:
    """Hostile mails by name, each aimed at one weak place of mail readers."""
    top = b"From: a@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: "
    html, plain = top + b"text/html\n\n", top + b"text/plain; charset=utf-8\n\n"
    yield "50,000 encoded words", b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\nx"
    yield "50,000 addresses", b"From: " + b"a@b.c, " * 50_000 + b"\n\nx"
    yield "nested comments", b"From: " + b"(" * 50_000 + b"\nReply-To: " + b'"\\' * 50_000 + b"\n\nx"
    yield "50,000 headers", b"X: y\n" * 50_000 + b"\nx"
    yield "one long header", b"X: " + b"y" * 5_000_000 + b"\n\nx"
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(2_000)
    )
    yield "2,000 nested multiparts", nested
    yield "nested, one boundary", b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 5_000
    mixed = top + b"multipart/mixed; boundary=a\n\n"
    yield "100,000 parts", mixed + b"--a\n\nx\n" * 100_000
    yield "boundary look-alikes", mixed + b"--ab\n" * 1_000_000
    yield "300 HTML parts", mixed + b"--a\nContent-Type: text/html\n\n<p>x\n" * 300
    enclosed = top + b"message/rfc822\n\n"
    yield "1,000 enclosed mails", enclosed + b"Content-Type: message/rfc822\n\n" * 1_000 + b"\nx"
    yield "20,000 nested div", html + b"<div>" * 20_000 + b"x"
    yield "100,000 unclosed b and i", html + b"<b><i>" * 50_000 + b"x"
    formats = b"".join(b"<b id=%d>" % i for i in range(390))
    yield "reconstructed formatting", html + b"<p>" + formats + b"</p>" + b"<p>x</p>" * 20_000
    yield "few tags, many blocks", html + b"<p>" + formats[:2_000] + b"</p>" + b"<p>x</p>" * 150
    yield "nested tables", html + b"<table><tr><td>" * 100 + b"x"
    yield "misnested tables", html + b"<table><b>" * 190 + b"x" * 1_000
    yield "one huge attribute", html + b'<p style="' + b"color:red;" * 50_000 + b'">x'
    yield "many styles", html + b'<p style="color:#fff">x</p>' * 15_000
    yield "open comments", html + b"<!--" * 100_000
    yield "open style", html + b"<style" * 80_000
    yield "huge reference", html + b"<b>" * 500 + b"&#" + b"9" * 100_000 + b";"
    yield "many entities", html + b"&notit;" * 70_000
    yield "50,000 quoted lines", plain + b"> x\n" * 50_000
    yield "20,000 attribution starts", plain + b"On 1 May 2024 10:00 <a@b.c\n" * 20_000
    yield "attribution on one line", plain + b"On 1 May 2024 10:00 " * 5_000 + b":\n> x"
    yield "header labels", plain + b"From: x\nTo: y\nDate:\n" * 5_000
    yield "100,000 spaces", plain + b"a" + b" " * 100_000 + b"b"
    yield "100,000 blank lines", plain + b"\n " * 100_000
    yield "dashes", plain + b"-" * 100_000
    yield "underscores and spaces", plain + b"_ " * 50_000
    yield "combining marks", plain + "a\u0327\u0301".encode() * 20_000 + "\u0301\u0327".encode() * 30_000
    yield "unknown charset, noise", top + b"text/plain; charset=nonsense\n\n" + bytes(range(128, 256)) * 4_000
    yield "16-bit noise", top + b"text/plain; charset=utf-16\n\n" + bytes(range(256)) * 4_000
    yield "utf-7 noise", top + b"text/plain; charset=utf-7\n\n" + b"+AAA" * 100_000
    surrogate = b"=?utf-7?Q?+2AA-?="
    lone = b'From: %s <a@b.c>\nSubject: %s\nContent-Type: multipart/mixed; boundary="%s"; name="%s"\n\n%s'
    yield "lone surrogates", lone % ((surrogate,) * 4 + (b"+2AA-",))
    yield "lone surrogates in HTML", top + b"text/html; charset=utf-7\n\n<p>+2AA-</p>"
    yield "hz noise", top + b"text/plain; charset=hz-gb-2312\n\n" + b"~{" * 200_000
    yield "broken base64", html[:-1] + b"Content-Transfer-Encoding: base64\n\n" + b"=A" * 400_000
    yield (
        "quoted-printable bomb",
        plain[:-1] + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 900_000,
    )
    yield "PGP armour", plain + b"-----BEGIN PGP MESSAGE-----\n" * 3_000
    yield "stubs", mixed + b"--a\n\nview this\n" + b"--a\nContent-Type: text/html\n\n<p>" + b"x " * 200_000
    yield "calendar", top + b"text/calendar; method=REQUEST\n\n" + b"SUMMARY;" * 50_000
    tnef = b"\x78\x9f\x3e\x22\0\0" + (b"\x01\x03\x90\x06\x00\xff\xff\xff\x7f" + b"\xff" * 12) * 20_000
    yield "TNEF with false lengths", top + b"application/ms-tnef\n\n" + tnef
    yield "parameters", top + b"text/plain" + b"; a*0*=x''%00" * 5_000 + b"\n\nx"
    yield "16 MB of text", plain + b"word " * 3_300_000
    yield "40 MB attachment", mixed + b"--a\nContent-Type: image/png\n\n" + b"A" * 40_000_000 + b"\n--a--\n"


def make_mails(samples: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` mutations of the samples, between one and six changes each."""
    chance = random.Random(seed)
    for _ in range(count):
        raw = bytearray(chance.choice(samples)[: 400 * 1024])
        for _ in range(chance.randint(1, 6)):
            _mutate(raw, chance, samples)
        yield bytes(raw)


def _mutate(raw: bytearray, chance: random.Random, samples: list[bytes]) -> None:
    at = chance.randrange(len(raw) + 1)
    length = min(chance.choice((1, 2, 10, 100, 2_000)), len(raw) - at)
    match chance.randrange(8):
        case 0:
            for _ in range(chance.randint(1, 50)):
                if raw:
                    raw[chance.randrange(len(raw))] = chance.randrange(256)
        case 1:
            del raw[at : at + length]
        case 2:
            raw[at:at] = raw[at : at + length] * chance.choice((2, 10, 200))
        case 3:
            del raw[at:]
        case 4 | 5:
            raw[at:at] = chance.choice(TOKENS)
        case 6:
            other = chance.choice(samples)
            start = chance.randrange(len(other) + 1)
            raw[at:at] = other[start : start + 20_000]
        case _:
            boundary = b"%x" % chance.getrandbits(32)
            raw[:] = (
                b"Content-Type: multipart/alternative; boundary=" + boundary + b"\n\n"
                b"--" + boundary + b"\n" + bytes(raw) + b"\n--" + boundary + b"--\n"
            )


@dataclass
class Report:
    """Counts and the worst mails of one campaign."""

    outcomes: Counter[str] = field(default_factory=Counter)
    worst_ms: float = 0.0
    worst_mb: float = 0.0
    slowest: str = ""
    largest: str = ""
    crashes: list[str] = field(default_factory=list)

    def feed(self, name: str, raw: bytes) -> None:
        """Read one mail and remember what came of it."""
        before = _reset_peak()
        begun = time.perf_counter()
        try:
            outcome = read(raw)
        except RejectedError:
            outcome = "rejected"
        except Exception as error:  # noqa: BLE001 - the campaign counts every crash
            outcome = "crashed"
            self.crashes.append(f"{name}: {type(error).__name__}: {error}"[:200])
        spent = (time.perf_counter() - begun) * 1_000
        read_here(raw)
        grown = (_status("VmHWM") - before) / 1_024
        self.outcomes[outcome] += 1
        if spent > self.worst_ms:
            self.worst_ms, self.slowest = spent, name
        if grown > self.worst_mb:
            self.worst_mb, self.largest = grown, name


def read(raw: bytes) -> str:
    """The way of one mail; returns the reason to skip, or `eligible`."""
    block, parts, defects = split(raw)
    message = message_from("fuzz", "1", block, parts, size=len(raw), received=NOW, defects=defects)
    draft = build_draft(block, Note("Hello\n", "test.en"), message.ref.key, "support@example.org")
    if len(draft) > MAX_DRAFT:
        raise ValueError("draft too large")
    return reason_to_skip(message, RULES) or "eligible"


def read_here(raw: bytes) -> None:
    """Read a heavy mail again, in this process."""
    _, parts, _ = split(raw)
    if is_heavy(parts):
        read_content("", parts)


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"no {name} in /proc/self/status")


def _reset_peak() -> int:
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def sample_mails(folder: Path) -> list[bytes]:
    """Every file below `folder`, in a fixed order."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def _named(word: str, mails: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    return ((f"{word} {number}", raw) for number, raw in enumerate(mails))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    default = os.environ.get("SMARTTICKET_SAMPLES") or Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--samples", type=Path, default=Path(default) / "recordings" / "email")
    options = parser.parse_args()
    samples = sample_mails(options.samples)
    if not samples:
        parser.error(f"no samples in {options.samples}")
    groups = (
        ("built", list(built_mails())),
        ("samples", _named("sample", samples)),
        (
            "mutations",
            ((f"mutation {n}", m) for n, m in enumerate(make_mails(samples, options.count, options.seed))),
        ),
    )
    failed = False
    read(b"\n")
    for title, mails in groups:
        report = Report()
        for name, raw in mails:
            report.feed(name, raw)
        failed |= bool(report.crashes) or report.worst_ms > 1_000 or report.worst_mb > 64
        print(f"{title}: {report.outcomes.total()} mails, {len(report.crashes)} crashes, seed {options.seed}")
        print(f"  worst {report.worst_ms:.0f} ms ({report.slowest})")
        print(f"  worst {report.worst_mb:.1f} MB ({report.largest})")
        print("  " + ", ".join(f"{word} {count}" for word, count in report.outcomes.most_common()))
        for crash in report.crashes[:20]:
            print("  " + crash)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
