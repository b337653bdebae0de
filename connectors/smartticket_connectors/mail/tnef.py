"""The text inside a winmail.dat: a bounded reader of the body attributes of TNEF (MS-OXTNEF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from smartticket_connectors.mail.charset import decoded

_SIGNATURE = b"\x78\x9f\x3e\x22"
_MAX_ITEMS = 2_000
_BODY = 0x0002800C
_PROPERTIES = 0x00069003
_CODE_PAGE = 0x00069007
_PLAIN, _HTML = 0x1000, 0x1013
_STRING8, _UNICODE, _BINARY, _OBJECT = 0x001E, 0x001F, 0x0102, 0x000D
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}


def text_of_tnef(data: bytes) -> tuple[str, bool]:
    """(text, whether it is HTML): the plain body where there is one. Empty when nothing can be read."""
    charset, plain, html = "", "", ""
    for identifier, value in _attributes(data):
        if identifier == _CODE_PAGE and len(value) >= 4:
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif identifier == _BODY:
            plain = plain or decoded(value, charset)[0]
        elif identifier == _PROPERTIES:
            for kind, name, content in _properties(value):
                text = (
                    content.decode("utf-16-le", "replace")
                    if kind == _UNICODE
                    else decoded(content, charset)[0]
                )
                plain = plain or (text if name == _PLAIN else "")
                html = html or (text if name == _HTML else "")
    return (plain, False) if plain.strip(" \0\r\n") else (html, True)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes in order: level (1 byte), identifier (4), length (4), value, checksum (2)."""
    if not data.startswith(_SIGNATURE):
        return
    at = 6
    for _ in range(_MAX_ITEMS):
        if at + 9 > len(data):
            return
        identifier, length = struct.unpack_from("<II", data, at + 1)
        yield identifier, data[at + 9 : at + 9 + length]
        at += 9 + length + 2


def _properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """MAPI properties (type, name, value) until one that cannot be followed; only text values are yielded."""
    at = 4
    for _ in range(_MAX_ITEMS):
        if at + 4 > len(data):
            return
        kind, name = struct.unpack_from("<HH", data, at)
        at = _after_name(data, at + 4) if name >= 0x8000 else at + 4
        several, kind = bool(kind & 0x1000), kind & 0xEFFF
        size = _FIXED.get(kind)
        count = 1
        if several or size is None:
            if at + 4 > len(data):
                return
            count = struct.unpack_from("<I", data, at)[0]
            at += 4
        if size is not None:
            at += size * count
            continue
        if kind not in (_STRING8, _UNICODE, _BINARY, _OBJECT) or count > _MAX_ITEMS:
            return
        for _ in range(count):
            if at + 4 > len(data):
                return
            length = struct.unpack_from("<I", data, at)[0]
            yield kind, name, data[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4


def _after_name(data: bytes, at: int) -> int:
    """Where the value of a named property begins: after a GUID, a kind, and a number or a string."""
    if at + 24 > len(data):
        return len(data)
    kind, length = struct.unpack_from("<II", data, at + 16)
    return at + 24 + (length + -length % 4 if kind == 1 else 0)
