"""The mail that the lying server keeps, and how FETCH shows it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_FIELDS = re.compile(rb"BODY\.PEEK\[HEADER\.FIELDS \(([^)]*)\)\](?:<0\.(\d+)>)?")
_SECTION = re.compile(rb"BODY\.PEEK\[([0-9A-Z.]*)\]<0\.(\d+)>")


@dataclass
class Mail:
    """One stored message."""

    raw: bytes
    flags: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    arrived: float = field(default_factory=time.time)

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """Header block and text."""
        header, _, text = self.raw.partition(b"\r\n\r\n")
        return header + b"\r\n\r\n", text


@dataclass
class Folder:
    """One mailbox."""

    validity: int
    uidnext: int = 1
    mails: dict[int, Mail] = field(default_factory=dict)

    def add(self, mail: Mail) -> int:
        """Store a message; its UID."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.mails[uid] = mail
        return uid


def fetched(uid: int, mail: Mail, items: bytes, lies: set[str]) -> Iterator[bytes]:
    """What FETCH shows of a message."""
    header, text = mail.parts
    if b"FLAGS" in items:
        yield b"FLAGS (%s)" % b" ".join(sorted(f.encode() for f in mail.flags))
    if b"X-GM-LABELS" in items:
        yield b"X-GM-LABELS (%s)" % b" ".join(b'"%s"' % one.encode() for one in sorted(mail.labels))
    if b"INTERNALDATE" in items:
        yield time.strftime('INTERNALDATE "%d-%b-%Y %H:%M:%S +0000"', time.gmtime(mail.arrived)).encode()
    if b"RFC822.SIZE" in items:
        yield b"RFC822.SIZE %d" % len(mail.raw)
    if b"BODYSTRUCTURE" in items:
        if f"poison {uid}" in lies:  # parentheses that never close
            yield b'BODYSTRUCTURE (("TEXT" "PLAIN"'
        else:
            yield b'BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" %d 1)' % len(text)
    if found := _FIELDS.search(items):
        yield b"BODY[HEADER.FIELDS (%s)]%s " % (found[1], b"<0>" if found[2] else b"") + _literal(header)
    for section, limit in _SECTION.findall(items):
        content = {b"HEADER": header, b"TEXT": text, b"1": text, b"": mail.raw}[section][: int(limit)]
        empty = f"nil {uid}" in lies and section in (b"1", b"TEXT")
        yield b"BODY[%s]<0> " % section + (b"NIL" if empty else _literal(content))


def _literal(data: bytes) -> bytes:
    return b"{%d}\r\n" % len(data) + data
