"""A note into a draft mail that answers the customer's, for a person to look at and send.

Every value that comes from the customer's mail is reduced to one line of a known form first, so that it
can add neither a header nor a recipient.
"""

from __future__ import annotations

import binascii
import re
from email.header import Header
from quopri import encodestring

from smartticket_connectors.mail.headers import Headers, mailbox
from smartticket_daemon.domain import Key, Note
from smartticket_daemon.text import clean_line

KEY_HEADER = "X-SmartTicket-Key"
"""Marks a draft as ours. Believed only in the drafts folder, never on mail that came in."""

_DOMAIN = "draft.smartticket.invalid"
_MAX_BODY = 40_000
_MAX_SUBJECT = 200
_MAX_REFERENCES = 20
_SAFE_ID = re.compile(r"<[!-;=?-~]{3,250}>")
_SAFE_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_REPLY_PREFIX = re.compile(
    r"(?:(?:re|aw|sv|vs|antw|res|rif|ref)\s*(?:\[\d{1,3}\])?\s*[:：]\s*)+", re.IGNORECASE
)


def draft_id(key: Key) -> str:
    """The Message-ID of the draft for `key`, with its angle brackets: the same on every attempt."""
    return f"<{key}@{_DOMAIN}>"


def build_draft(header: bytes, note: Note, key: Key, sender: str) -> bytes:
    """The draft as bytes with CRLF, at most 64 KB; `header` is the block of the mail it answers.

    It goes to one address, Reply-To or else From, or to none where neither is usable. It carries no Date:
    that is set when a person sends it.
    """
    headers = Headers(header)
    lines = [
        f"From: {sender}" if _SAFE_ADDRESS.fullmatch(sender) else "",
        _recipient(headers),
        _subject(headers),
        *_threading(headers),
        f"Message-ID: {draft_id(key)}",
        f"{KEY_HEADER}: {key}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
    ]
    encoding, body = _encoded(note.body)
    lines.append(f"Content-Transfer-Encoding: {encoding}")
    return "\r\n".join(filter(None, lines)).encode("ascii") + b"\r\n\r\n" + body


def _recipient(headers: Headers) -> str:
    for name in ("reply-to", "from"):
        address = mailbox(headers.get(name))[1]
        if _SAFE_ADDRESS.fullmatch(address):
            return f"To: {address}"
    return ""


def _subject(headers: Headers) -> str:
    subject = clean_line(headers.decoded("subject"), _MAX_SUBJECT)
    text = (
        f"Re: {_REPLY_PREFIX.sub('', subject, count=1) if _REPLY_PREFIX.match(subject) else subject}".rstrip()
    )
    if text.isascii() and "=?" not in text:
        return f"Subject: {text}"
    folded = Header(text, "utf-8", maxlinelen=75, header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {folded}"


def _threading(headers: Headers) -> list[str]:
    """In-Reply-To and References (RFC 5322, 3.6.4), the first and the nearest references kept."""
    answered = _SAFE_ID.findall(headers.get("message-id"))[:1]
    earlier = _SAFE_ID.findall(headers.get("references") or headers.get("in-reply-to"))
    chain = list(dict.fromkeys(i for i in earlier if i not in answered)) + answered
    if len(chain) > _MAX_REFERENCES:
        chain = [chain[0], *chain[1 - _MAX_REFERENCES :]]
    lines = [f"In-Reply-To: {answered[0]}"] if answered else []
    return [*lines, "References: " + "\r\n ".join(chain)] if chain else lines


def _encoded(text: str) -> tuple[str, bytes]:
    """Transfer encoding and body with CRLF; what is beyond the cap goes."""
    data = b"\r\n".join(text.encode("utf-8", "replace").splitlines()) + b"\r\n"
    data = data[:_MAX_BODY].decode("utf-8", "ignore").encode()
    quoted = encodestring(data.replace(b"\r\n", b"\n"), quotetabs=False)
    if len(quoted) < len(data) * 1.3:
        return "quoted-printable", quoted.replace(b"\n", b"\r\n")
    chunks = (binascii.b2a_base64(data[i : i + 57], newline=False) for i in range(0, len(data), 57))
    return "base64", b"\r\n".join(chunks) + b"\r\n"
