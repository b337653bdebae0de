"""What a draft tells us alone: its own text's digest, and which tags and which route came with it.

A person may send the draft as it is, so nothing in it may tell a customer how we sort our mail: tags and
folder stand there as digests salted with the key, to be recognised but not to be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from smartticket_connectors.mail.headers import Headers
from smartticket_daemon.domain import Key

SEAL_HEADER = "X-SmartTicket-Seal"


def sealed(raw: bytes, key: Key, tags: Iterable[str], route: str | None) -> bytes:
    """The draft with its seal as the first header."""
    words = [f"body={_body_digest(raw)}", *(f"tag={_mark(key, tag)}" for tag in tags)]
    words += [f"route={_mark(key, route)}"] if route else []
    folded = "\r\n ".join(words)
    return f"{SEAL_HEADER}: {folded}\r\n".encode() + raw


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of one draft, as read back."""

    key: Key
    words: frozenset[str]

    @classmethod
    def of(cls, header: bytes, key: Key) -> Seal:
        """From a draft's header block."""
        return cls(key, frozenset(Headers(header).get(SEAL_HEADER).split()))

    def tag(self, tag: str) -> bool:
        """We added this tag when we wrote the draft."""
        return f"tag={_mark(self.key, tag)}" in self.words

    def route(self, folder: str) -> bool:
        """We were about to move the message to this folder."""
        return f"route={_mark(self.key, folder)}" in self.words

    @property
    def routed(self) -> bool:
        """A move was planned at all."""
        return any(word.startswith("route=") for word in self.words)

    def unbroken(self, raw: bytes) -> bool:
        """The draft's text is still the one that we wrote."""
        return f"body={_body_digest(raw)}" in self.words


def _body_digest(raw: bytes) -> str:
    return hashlib.sha256(raw.partition(b"\r\n\r\n")[2]).hexdigest()


def _mark(key: Key, word: str) -> str:
    return hashlib.sha256(f"{key}\x1f{word.lower()}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
