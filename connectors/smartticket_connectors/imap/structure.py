"""Which parts of a message to fetch, judged by its BODYSTRUCTURE (RFC 3501, 7.4.2) beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smartticket_connectors.mail.parts import Part

PART_LIMIT = 262_144
"""Bytes (encoded) read of one part."""
MOST_PARTS = 40
"""Leaves looked at in one message."""
_DEPTH = 20
_ENCLOSED = {"message/rfc822", "text/calendar", "application/ms-tnef", "application/vnd.ms-tnef"}
_MOST_TEXTS = 10


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a message as the server describes it."""

    number: str
    content_type: str
    size: int
    encoding: str = ""
    charset: str = ""
    disposition: str = ""
    filename: str = ""
    params: dict[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """True when it may hold what the requester wrote."""
        if self.content_type in _ENCLOSED:
            return True
        attached = self.disposition == "attachment" or self.filename
        return self.content_type.startswith("text/") and not attached

    @property
    def promised(self) -> int:
        """Bytes that reading it will bring, as the server says."""
        return min(self.size, PART_LIMIT)

    @property
    def section(self) -> str:
        """What to ask of FETCH: no more than PART_LIMIT, and \\Seen stays as it is."""
        return f"BODY.PEEK[{self.number}]<0.{PART_LIMIT}>"

    @property
    def answer(self) -> bytes:
        """The name under which FETCH answers."""
        return b"BODY[%s]<0>" % self.number.encode()

    def part(self, data: bytes) -> Part:
        """The leaf with its content (empty where it was not fetched)."""
        return Part(
            content_type=self.content_type,
            data=data,
            charset=self.charset,
            encoding=self.encoding,
            disposition=self.disposition,
            filename=self.filename,
            cut=len(data) >= PART_LIMIT,
            params=self.params,
        )


def leaves(structure: Any) -> list[Leaf]:
    """The leaves of a BODYSTRUCTURE in order; raises ValueError when it makes no sense."""
    found: list[Leaf] = []
    for leaf in _walk(structure, "", 0):
        found.append(leaf)
        if len(found) == MOST_PARTS:
            break
    return found


def wanted(found: Sequence[Leaf]) -> list[Leaf]:
    """The leaves worth reading, the first ten."""
    return [leaf for leaf in found if leaf.wanted and leaf.size][:_MOST_TEXTS]


def _walk(node: Any, number: str, depth: int) -> Iterator[Leaf]:
    if not isinstance(node, tuple | list) or not node or depth > _DEPTH:
        raise ValueError("not a body structure")
    if isinstance(node[0], list):
        for index, child in enumerate(node[0], start=1):
            yield from _walk(child, f"{number}.{index}" if number else str(index), depth + 1)
        return
    yield _leaf(node, number or "1")


def _leaf(node: Sequence[Any], number: str) -> Leaf:
    if len(node) < 7 or not isinstance(node[6], int):
        raise ValueError("not a leaf")
    params = _pairs(node[2])
    disposition, about = _disposition(node)
    return Leaf(
        number=number,
        content_type=f"{_text(node[0])}/{_text(node[1])}".lower(),
        size=node[6],
        encoding=_text(node[5]).lower(),
        charset=params.pop("charset", ""),
        disposition=disposition,
        filename=about.get("filename") or params.pop("name", ""),
        params=params,
    )


def _disposition(node: Sequence[Any]) -> tuple[str, dict[str, str]]:
    # it follows the MD5 field, whose place depends on the type; only it is a pair (word, list or nothing)
    for field_ in node[8:]:
        if isinstance(field_, tuple) and len(field_) == 2 and isinstance(field_[0], bytes):
            word = field_[0].lower()
            if word in (b"attachment", b"inline") and (field_[1] is None or isinstance(field_[1], tuple)):
                return word.decode(), _pairs(field_[1])
    return "", {}


def _pairs(values: Any) -> dict[str, str]:
    if not isinstance(values, tuple):
        return {}
    return {_text(k).lower(): _text(v) for k, v in zip(values[::2], values[1::2], strict=False)}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
