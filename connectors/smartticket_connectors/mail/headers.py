"""A tolerant, bounded view of a mail header block, and the fingerprints that make a mail's identity.

Values are cut, unfolded and decoded on demand; nothing raises on bad input. The encoded words of
RFC 2047 and the parameters of RFC 2045 and 2231 are read here rather than by `email.header`, whose
modern form takes minutes on hostile values.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping
from quopri import decodestring
from urllib.parse import unquote_to_bytes

from smartticket_connectors.mail.charset import decoded

MAX_BLOCK = 256 * 1024
"""Bytes of a header block that are looked at."""
MAX_VALUE = 16 * 1024
"""Bytes of one header's value that are looked at."""
_MAX_HEADERS = 2_000
_MAX_ANSWERS = 50

_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]*:((?:[^\n]*(?:\n[ \t][^\n]*+)*+))", re.MULTILINE)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,80}\?[bBqQ]\?)")
_PARAMETER = re.compile(r';\s*([^\s=;"]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;"]*+))')
_ID = re.compile(rb"<([^<>\s]{3,998})>")
_BARE_ID = re.compile(rb"[^<>\s,;]{1,500}@[^<>\s,;]{1,490}")


class Headers:
    """The fields of one header block; names are case-insensitive, the first of several is the one meant."""

    __slots__ = ("_fields",)

    def __init__(self, block: bytes) -> None:
        self._fields: dict[str, list[bytes]] = {}
        for count, match in enumerate(_FIELD.finditer(block, 0, MAX_BLOCK)):
            if count == _MAX_HEADERS:
                break
            self._fields.setdefault(match[1].decode("ascii").lower(), []).append(match[2])

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def raw(self, name: str) -> bytes:
        """The first value of `name` in bytes, unfolded and cut; empty where there is none."""
        values = self._fields.get(name.lower())
        return _unfolded(values[0]) if values else b""

    def get(self, name: str) -> str:
        """The first value of `name` as text; encoded words are left as they are."""
        return _text(self.raw(name))

    def all(self, name: str) -> list[str]:
        """Every value of `name` as `get` gives it, topmost first."""
        return [_text(_unfolded(value)) for value in self._fields.get(name.lower(), ())]

    def decoded(self, name: str) -> str:
        """The first value of `name` with its encoded words decoded."""
        return decode_words(self.get(name))


def _unfolded(value: bytes) -> bytes:
    return _FOLD.sub(b"", value[:MAX_VALUE]).strip()


def _text(value: bytes) -> str:
    return value.decode("ascii") if value.isascii() else decoded(value, "")[0]


def decode_words(value: str) -> str:
    """`value` with its RFC 2047 encoded words decoded; neighbours of one charset are joined before."""
    if "=?" not in value:
        return value
    pieces: list[str] = []
    charset, pending, end = "", b"", 0
    for match in _WORD.finditer(_BETWEEN_WORDS.sub(r"\1", value)):
        between = match.string[end : match.start()]
        name = match[1].partition("*")[0].lower()
        if pending and (between or name != charset):
            pieces.append(decoded(pending, charset)[0])
            pending = b""
        pieces.append(between)
        charset, end = name, match.end()
        pending += _word_bytes(match[2], match[3])
    pieces.append(decoded(pending, charset)[0])
    return "".join(pieces) + (match.string[end:] if end else value)


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return decodestring(data.replace(b"_", b" "), header=False)
    try:
        return binascii.a2b_base64(data + b"===")
    except binascii.Error:
        return data


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A structured value as (main value in lower case, parameters); RFC 2231 pieces are joined."""
    value = value[:4_096]
    main = value.partition(";")[0].strip().lower()
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value, len(value.partition(";")[0])):
        text = match[2].replace("\\", "") if match[2] is not None else match[3].strip()
        found.setdefault(match[1].lower(), text)
    plain = {name: decode_words(text) for name, text in found.items() if "*" not in name}
    return main, {**_extended(found), **plain} if len(plain) < len(found) else plain


def _extended(found: Mapping[str, str]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name in sorted(n for n in found if "*" in n):
        base, _, mode = name.partition("*")
        text = found[name]
        if mode.endswith("*") or not mode:
            charset, _, rest = text.split("'", 2) if text.count("'") > 1 else ("utf-8", "", text)
            text = decoded(unquote_to_bytes(rest), charset)[0]
        joined[base] = joined.get(base, "") + text
    return joined


def mailbox(value: str) -> tuple[str, str]:
    """(display name, address) of the first mailbox in an address header; empty where there is none.

    The name comes with encoded words decoded; the address is in lower case and holds exactly one `@`.
    """
    value = value[:2_000].lstrip(" \t,;")
    match = _MAILBOX.match(value)
    if match:
        name = match[1] if match[1] is not None else match[2]
        return decode_words((name or "").replace("\\", "").strip().strip("'\"")), _address(match[3])
    bare = _BARE.search(value)
    return "", _address(bare[0]) if bare else ""


_MAILBOX = re.compile(r'(?:"((?:[^"\\]|\\.)*+)"|([^"<,;]*+))\s*<([^<>]*+)>')
_BARE = re.compile(r"[^\s<>()\",;:@]{1,64}@[^\s<>()\",;:@]{1,254}")


def _address(text: str) -> str:
    text = "".join(text.split()).lower()
    return text if _BARE.fullmatch(text) else ""


def fingerprint(block: bytes, size: int) -> str:
    """Identity of a mail: of its Message-ID, or else of Date, From, To, Subject and `size` in bytes.

    32 hexadecimal digits, the same for any folding and either line ending.
    """
    headers = Headers(block)
    if identifier := message_id(headers):
        return fingerprint_of(identifier)
    fields = [b" ".join(headers.raw(name).split()) for name in ("date", "from", "to", "subject")]
    return hashlib.sha256(b"\x1f".join((b"no-id", *fields, str(size).encode()))).hexdigest()[:32]


def identity(block: bytes, size: int) -> str:
    """Identity of a mail as a ticket: its fingerprint and, beside a Message-ID, the address to answer.

    Two customers whose mails bear one Message-ID (a web form that repeats it, somebody who copies it) are two
    tickets; one mail that came directly and through a list, which may rewrite From, is one.
    """
    headers = Headers(block)
    if not message_id(headers):
        return fingerprint(block, size)
    parts = fingerprint(block, size), mailbox(headers.get("reply-to"))[1] or mailbox(headers.get("from"))[1]
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def message_id(headers: Headers) -> bytes:
    """The Message-ID without its angle brackets; empty where there is no usable one."""
    identifiers = _identifiers(headers.raw("message-id"))
    return identifiers[0] if identifiers else b""


def fingerprint_of(identifier: bytes) -> str:
    """Fingerprint of one Message-ID, given without its angle brackets."""
    return hashlib.sha256(b"id\x1f" + identifier).hexdigest()[:32]


def answers(block: bytes) -> tuple[str, ...]:
    """Fingerprints of the mails this one says it answers, the nearest first, at most 50."""
    headers = Headers(block)
    identifiers = _identifiers(headers.raw("in-reply-to")) + _identifiers(headers.raw("references"))[::-1]
    return tuple(fingerprint_of(i) for i in dict.fromkeys(identifiers))[:_MAX_ANSWERS]


def _identifiers(value: bytes) -> list[bytes]:
    return _ID.findall(value) or _BARE_ID.findall(value)[:1]
