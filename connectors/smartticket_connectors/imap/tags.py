"""Tags as IMAP keywords, or as labels where the server is Gmail.

A keyword is an atom whose case the server ignores. Names made of letters, digits and `_.:-` stand as they
are; any other name becomes such a word with a digest at its end, so that different tags stay different.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import structlog
from imapclient.imap_utf7 import decode

from smartticket_connectors.imap.border import RefusedError
from smartticket_connectors.imap.session import Mailbox, Session
from smartticket_daemon.errors import ConfigurationError, RejectedError

log = structlog.get_logger(__name__)

LABELS = "X-GM-EXT-1"
_SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,50}", re.ASCII)
_OTHER = re.compile(r"[^A-Za-z0-9_.:-]+", re.ASCII)


def keyword(tag: str) -> str:
    """The keyword that stands for `tag`: at most 50 safe characters, always the same."""
    if _SAFE.fullmatch(tag):
        return tag
    plain = unicodedata.normalize("NFKD", tag).encode("ascii", "ignore").decode()
    digest = hashlib.sha256(tag.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{_OTHER.sub('_', plain)[:41]}-{digest}"


class Keeper:
    """Writes and reads the tags of messages, and knows whether the server keeps them."""

    def __init__(self, name: str, session: Session) -> None:
        self._name = name
        self._session = session
        self._tags: dict[str, str] = {}
        self._proved: tuple[int, set[str]] = (0, set())
        self._lost_on = 0
        self._said = False

    @property
    def items(self) -> list[str]:
        """What FETCH must be asked to see flags and tags."""
        return ["FLAGS", "X-GM-LABELS"] if self._session.can(LABELS) else ["FLAGS"]

    def tags(self, row: dict[bytes, Any]) -> frozenset[str]:
        """The tags a fetched message carries, by the names we know them under."""
        if b"X-GM-LABELS" in row:
            labels = (label for label in row[b"X-GM-LABELS"] if isinstance(label, bytes))
            return frozenset(decode(label) for label in labels if not label.startswith(b"\\"))
        words = (flag.decode("ascii", "replace") for flag in row.get(b"FLAGS", ()) if isinstance(flag, bytes))
        return frozenset(self._tags.get(word.lower(), word) for word in words if not word.startswith("\\"))

    def learn(self, tags: Iterable[str]) -> None:
        """Take tags into the table; raises ConfigurationError when two would be one keyword."""
        for tag in tags:
            word = keyword(tag).lower()
            if self._tags.setdefault(word, tag) != tag:
                raise ConfigurationError(
                    f"the tags {self._tags[word]} and {tag} are one keyword to a mail server; rename one"
                )

    def kept(self, box: Mailbox, tags: Iterable[str]) -> bool:
        """Whether the server keeps these tags, as far as this connection knows. Says once when it does not.

        Raises ConfigurationError then, where the settings refuse to go on without.
        """
        if not self._session.can(LABELS):
            words = {keyword(tag).lower() for tag in tags}
            if not box.keywords and not words <= box.flags:
                self._give_up(box.name)
        return self._lost_on != self._session.epoch

    def add(self, box: Mailbox, uid: int, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Add tags to the message open in `box`; returns those that now stand there."""
        if not tags or not self.kept(box, tags):
            return ()
        try:
            shown = self._store("add", uid, tags)
        except (RejectedError, RefusedError):
            shown = frozenset()
        if not set(tags) <= self._proven(uid, tags, shown):
            self._give_up(box.name)
            return ()
        return tags

    def remove(self, uid: int, tags: tuple[str, ...]) -> None:
        """Take tags off the message."""
        if tags:
            self.learn(tags)
            self._store("remove", uid, tags)

    def _store(self, verb: str, uid: int, tags: tuple[str, ...]) -> frozenset[str]:
        if self._session.can(LABELS):
            labels = self._session.call(f"{verb}_gmail_labels", [uid], list(tags)) or {}
            return frozenset(labels.get(uid, ()))
        flags = self._session.call(f"{verb}_flags", [uid], [keyword(tag).encode() for tag in tags])
        return self.tags({b"FLAGS": flags.get(uid, ())})

    def _proven(self, uid: int, tags: tuple[str, ...], shown: frozenset[str]) -> frozenset[str]:
        # the answer to STORE may be an echo; the first use of a tag on each connection is read back
        epoch, known = self._proved
        if epoch != self._session.epoch:
            known = set()
        if not set(tags) <= known or not set(tags) <= shown:
            row = self._session.fetch([uid], self.items).get(uid)
            shown = frozenset(tags) if row is None else self.tags(row)
        self._proved = (self._session.epoch, known | (set(tags) & shown))
        return shown

    def _give_up(self, folder: str) -> None:
        if self._session.settings.keyword_fallback == "refuse":
            raise ConfigurationError(
                f'{folder} keeps no keywords; set keyword_fallback = "journal" to go on without'
            )
        if not self._said:
            log.warning("keywords_not_kept", source=self._name, folder=folder, tags="journal only")
        self._said, self._lost_on = True, self._session.epoch
