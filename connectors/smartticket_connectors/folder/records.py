"""What the formats cannot hold: the tags of a message, and what of all this was our doing.

One small JSON file per message, named by its fingerprint, so that it stays true when the message is
moved, renamed or flagged. People and other programs may read and edit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartticket_connectors.folder import durable
from smartticket_daemon.domain import Key
from smartticket_daemon.errors import RejectedError

_LIMIT = 65_536
Tag = Annotated[str, Field(max_length=1_000)]


class Doing(BaseModel):
    """What we did to one message: the tags we added, and the position we moved it to."""

    model_config = ConfigDict(frozen=True)

    tags: tuple[Tag, ...] = ()
    moved_to: str | None = None


class Record(BaseModel):
    """All tags of a message, and which of our deliveries (by key) did what."""

    model_config = ConfigDict(frozen=True)

    tags: tuple[Tag, ...] = ()
    by_smartticket: dict[str, Doing] = {}

    def doing(self, key: Key) -> Doing:
        """What the delivery with this key did."""
        return self.by_smartticket.get(key, Doing())

    def of_others(self, key: Key) -> frozenset[str]:
        """Tags that the delivery with this key did not add."""
        return frozenset(self.tags) - frozenset(self.doing(key).tags)

    def adding(self, tags: tuple[str, ...], moved_to: str | None, key: Key) -> Record:
        """With these tags too, except those of ours that a person removed, and what we did noted."""
        before = self.doing(key)
        known = {*self.tags, *before.tags}
        added = tuple(tag for tag in dict.fromkeys(tags) if tag not in known)
        doing = Doing(tags=before.tags + added, moved_to=moved_to or before.moved_to)
        return Record(tags=self.tags + added, by_smartticket={**self.by_smartticket, key: doing})

    def without(self, tags: tuple[str, ...], key: Key) -> Record:
        """Without these tags. That there was a delivery with this key stays noted."""
        kept = tuple(tag for tag in self.tags if tag not in tags)
        return Record(tags=kept, by_smartticket={**self.by_smartticket, key: Doing()})


class Records:
    """The directory of records."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, ticket: str) -> Record:
        """The record of a message; an empty one where there is none.

        Raises RejectedError when the file is not what it should be: somebody's tags may stand in it.
        """
        try:
            with self._path(ticket).open("rb") as file:
                return Record.model_validate_json(file.read(_LIMIT))
        except FileNotFoundError:
            return Record()
        except ValidationError:
            raise RejectedError(f"{self._path(ticket)} is damaged; correct it or remove it") from None

    def save(self, ticket: str, record: Record) -> None:
        """Replace the record of a message."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(ticket)
        durable.write(path, record.model_dump_json(indent=1).encode(), path.with_suffix(".new"))

    def _path(self, ticket: str) -> Path:
        return self._directory / f"{ticket}.json"
