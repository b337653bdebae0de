"""What a mail says: its leaves into ticket text, names of files, and marks for what is not text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from quopri import decodestring

from smartticket_connectors.mail.charset import decoded
from smartticket_connectors.mail.headers import Headers
from smartticket_connectors.mail.parts import Part, split
from smartticket_connectors.mail.tnef import text_of_tnef
from smartticket_daemon.text import MAX_TEXT, clean, clean_line, customer_text, from_html, is_forward

_MAX_FILES = 50
_MAX_NESTING = 3
_STUB_LENGTH = 20
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64_NOISE = bytes(set(range(256)) - set(_BASE64))
_STUB = re.compile(
    r"(?:view|read|display|see) (?:this|the) (?:e-?mail|message|newsletter)"
    r"|html[- ](?:capable|enabled|compatible)|does not support html"
    r"|kein html|html-(?:ansicht|format|nachricht)|format html|formato html|html-indeling"
    r"|(?:cannot|can't|unable to) (?:view|read|display) (?:this|html)",
    re.IGNORECASE,
)
_CALENDAR_METHODS = frozenset(("request", "reply", "cancel", "counter", "declinecounter", "refresh", "add"))
_CALENDAR_METHOD = re.compile(rb"^METHOD:([A-Za-z]{1,20})", re.MULTILINE)
_CALENDAR_FIELD = re.compile(r"^(?:SUMMARY|DESCRIPTION)(?:;[^:\n]{0,200})?:(.*)$", re.MULTILINE)
_ARMOUR = re.compile(r"-----BEGIN PGP MESSAGE-----.*?(?:-----END PGP MESSAGE-----|\Z)", re.DOTALL)
_ARMOUR_SHELL = re.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:Hash: [^\n]*\n)*+"
    r"|-----BEGIN PGP (SIGNATURE|PUBLIC KEY BLOCK)-----.*?(?:-----END PGP \1-----|\Z)",
    re.DOTALL,
)
_FORWARD_MARK = re.compile(r"-{2,}[^\n]{0,60}-{2,}|begin forwarded message", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """Text without history and signature, file names, marks and defects as `Message` has them."""

    body: str
    files: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    defects: tuple[str, ...] = ()


def read_content(subject: str, parts: Sequence[Part], nesting: int = 0) -> Content:
    """The content of one mail. Work is linear in the data of `parts`, which is capped."""
    reader = _Reader()
    text = reader.text(parts)
    body = customer_text(text, subject)
    if not body or is_forward(subject) or _FORWARD_MARK.match(body):
        body = reader.with_enclosed(body, parts, nesting)
    return Content(
        body=body,
        files=tuple(dict.fromkeys(filter(None, map(_file_name, parts))))[:_MAX_FILES],
        marks=frozenset(reader.marks | _marks(parts)),
        defects=tuple(dict.fromkeys(reader.defects)),
    )


class _Reader:
    """Collects marks and defects while it decodes."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self.defects: list[str] = []

    def text(self, parts: Sequence[Part]) -> str:
        """The best text there is: plain, HTML, calendar or TNEF, in this order; clean."""
        bodies = [part for part in parts if _is_body(part)]
        plain = [part for part in bodies if part.content_type == "text/plain"]
        html = [part for part in bodies if part.content_type == "text/html"]
        if plain and html and bodies.index(html[0]) < bodies.index(plain[0]):
            text = self._joined(p for p in bodies if p in plain or p in html)
        else:
            text = self._plain_or_html(plain, html)
        text = text or self._joined(p for p in bodies if p not in plain and p not in html)
        return text or self._calendar(parts) or self._tnef(parts)

    def _plain_or_html(self, plain: list[Part], html: list[Part]) -> str:
        text = self._joined(plain)
        if html and (len(text) < _STUB_LENGTH or (len(text) < 400 and _STUB.search(text))):
            return self._joined(html) or text
        return text

    def _joined(self, parts: Iterable[Part]) -> str:
        texts: list[str] = []
        room = MAX_TEXT
        for part in parts:
            if room > 0 and (text := self._leaf(part)):
                texts.append(text)
                room -= len(text)
        return self._without_armour("\n\n".join(texts)[:MAX_TEXT])

    def _leaf(self, part: Part) -> str:
        text = self.decode(part)
        return from_html(text) if part.content_type in ("text/html", "application/xhtml+xml") else clean(text)

    def decode(self, part: Part) -> str:
        """The text of a leaf, transfer encoding and charset undone."""
        text, wrong = decoded(bytes_of(part), part.charset)
        if wrong:
            self.defects.append("wrong_charset")
        return text

    def _without_armour(self, text: str) -> str:
        if "-----BEGIN PGP" not in text:
            return text
        if _ARMOUR.search(text):
            self.marks.add("encrypted")
        return _ARMOUR_SHELL.sub("", _ARMOUR.sub("", text)).strip()

    def _calendar(self, parts: Sequence[Part]) -> str:
        for part in parts:
            if part.content_type == "text/calendar":
                unfolded = clean(
                    self.decode(part).replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
                )
                fields = _CALENDAR_FIELD.findall(unfolded)
                return clean("\n".join(fields).replace("\\n", "\n").replace("\\,", ","))
        return ""

    def _tnef(self, parts: Sequence[Part]) -> str:
        for part in parts:
            if part.content_type.endswith("ms-tnef") or part.filename.lower() == "winmail.dat":
                text, is_html = text_of_tnef(bytes_of(part))
                return from_html(text) if is_html else clean(text)
        return ""

    def with_enclosed(self, body: str, parts: Sequence[Part], nesting: int) -> str:
        """`body` followed by subject and text of the mails that are enclosed, three levels deep at most."""
        texts = [body] if body else []
        for part in parts:
            if part.content_type != "message/rfc822" or nesting >= _MAX_NESTING:
                continue
            block, inner, _ = split(bytes_of(part))
            subject = clean_line(Headers(block).decoded("subject"))
            content = read_content(subject, inner, nesting + 1)
            self.marks |= content.marks & {"encrypted"}
            texts += [text for text in (subject, content.body) if text]
        return clean("\n\n".join(texts))


def bytes_of(part: Part) -> bytes:
    """The data of a leaf with its transfer encoding undone; data that breaks the rules decodes in part."""
    if part.encoding == "quoted-printable":
        return decodestring(part.data)
    if part.encoding == "base64":
        data = part.data.translate(None, _BASE64_NOISE)
        whole = len(data) - len(data) % 4
        rest = data[whole:] if len(data) % 4 > 1 else b""
        try:
            return binascii.a2b_base64(data[:whole] + (rest + b"==="[: 4 - len(rest)] if rest else b""))
        except binascii.Error:
            return part.data
    return part.data


def _is_body(part: Part) -> bool:
    readable = part.content_type.startswith("text/") and part.content_type not in (
        "text/calendar",
        "text/rfc822-headers",
        "text/x-vcard",
        "text/vcard",
        "text/directory",
        "text/css",
    )
    return readable and part.disposition != "attachment" and not part.filename


def _file_name(part: Part) -> str:
    if name := clean_line(part.filename.replace("\\", "/").rpartition("/")[2], 120):
        return name
    return "message.eml" if part.content_type == "message/rfc822" else ""


def _marks(parts: Sequence[Part]) -> set[str]:
    marks: set[str] = set()
    for part in parts:
        if _is_encrypted(part):
            marks.add("encrypted")
        elif part.content_type == "text/calendar" and part.disposition != "attachment" and _method(part):
            marks.add("calendar")
    return marks


def _is_encrypted(part: Part) -> bool:
    if part.content_type in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return part.params.get("smime-type", "").lower() not in ("certs-only", "compressed-data")
    return part.content_type == "application/pgp-encrypted"


def _method(part: Part) -> bool:
    """Whether the calendar part asks or answers, rather than just tells (RFC 5546)."""
    method = part.params.get("method", "").lower()
    if not method and (found := _CALENDAR_METHOD.search(bytes_of(part)[:4_096])):
        method = found[1].decode("ascii").lower()
    return method in _CALENDAR_METHODS
