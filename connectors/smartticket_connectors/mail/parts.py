"""A raw message into its header block and its leaves, in one bounded pass over the bytes.

Structure comes from MIME (RFC 2045, 2046) alone; nothing is decoded here. A message that breaks the
rules still gives what can be seen of it, with the name of each repair among the defects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smartticket_connectors.mail.headers import MAX_BLOCK, Headers, parameters

MAX_RAW = 16 * 1024 * 1024
"""Bytes of a message that are looked at."""
MAX_DATA = 1024 * 1024
"""Bytes kept of one leaf, still transfer-encoded."""
MAX_TOTAL = 4 * MAX_DATA
"""Bytes kept of all leaves of a message."""
MAX_PARTS = 300
MAX_DEPTH = 20
MAX_BOUNDARY_LINES = 5_000
"""Lines that look like a boundary, over all levels of a message."""

_HEADER_LINES = re.compile(
    rb"(?:[!-9;-~]*+[ \t]*+:[^\n]*+(?:\n|\Z)|[ \t][^\n]*+(?:\n|\Z)|From [^\n]*+(?:\n|\Z))*+"
)
_BLANK_LINE = re.compile(rb"\r?\n")
_END_OF_BLOCK = re.compile(rb"\n\r?\n")
_READ_TYPES = ("text/", "message/")
_READ_APPLICATIONS = frozenset(
    ("application/ms-tnef", "application/vnd.ms-tnef", "application/pkcs7-mime", "application/x-pkcs7-mime")
)


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a MIME message, still transfer-encoded, possibly cut off.

    `content_type` is in lower case, `charset` as declared, `encoding` the Content-Transfer-Encoding in
    lower case, `disposition` one of `attachment`, `inline` and empty. `data` is empty for leaves that hold
    no text. `params` are the further parameters of Content-Type: method, report-type, smime-type ...
    """

    content_type: str
    data: bytes
    charset: str = ""
    encoding: str = ""
    disposition: str = ""
    filename: str = ""
    cut: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


def holds_text(content_type: str) -> bool:
    """Whether a leaf of this type can hold text of the ticket; the data of others is never needed."""
    return content_type.startswith(_READ_TYPES) or content_type in _READ_APPLICATIONS


def split(raw: bytes) -> tuple[bytes, tuple[Part, ...], tuple[str, ...]]:
    """Header block, leaves in order, and names of defects. Never raises, whatever the bytes are."""
    walk = _Walk(raw)
    block, start = walk.header_block(0, walk.end)
    walk.leaves(block, start, walk.end, 0, "text/plain")
    return block, tuple(walk.parts), tuple(dict.fromkeys(walk.defects))


class _Walk:
    """The state of one split: what was found, and what may still be spent."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.end = min(len(raw), MAX_RAW)
        self.parts: list[Part] = []
        self.defects: list[str] = ["cut"] if len(raw) > MAX_RAW else []
        self.data_left = MAX_TOTAL
        self.lines_left = MAX_BOUNDARY_LINES

    def header_block(self, start: int, end: int) -> tuple[bytes, int]:
        """The header block that begins at `start` and where its body begins."""
        limit = min(end, start + MAX_BLOCK)
        match = _HEADER_LINES.match(self.raw, start, limit)
        stop = match.end() if match else start
        block = self.raw[start:stop]
        if stop >= limit and limit < end:
            self.defects.append("long_headers")
            blank = _END_OF_BLOCK.search(self.raw, limit - 1, end)
            return block, blank.end() if blank else end
        if blank := _BLANK_LINE.match(self.raw, stop, end):
            return block, blank.end()
        if stop < end:
            self.defects.append("no_blank_line")
        return block, stop

    def leaves(self, block: bytes, start: int, end: int, depth: int, default: str) -> None:
        """Append the leaves of the entity whose header is `block` and whose body is raw[start:end]."""
        if len(self.parts) >= MAX_PARTS:
            self.defects.append("too_many_parts")
            return
        headers = Headers(block)
        content_type, params = parameters(headers.get("content-type"))
        if "/" not in content_type:
            content_type = default
        if not content_type.startswith("multipart/"):
            self._append(headers, content_type, params, start, end)
        elif depth >= MAX_DEPTH:
            self.defects.append("too_deep")
        elif not (boundary := params.get("boundary", "").rstrip()):
            self.defects.append("no_boundary")
            self._append(headers, "text/plain", params, start, end)
        else:
            inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
            self._multipart(boundary, start, end, depth, inner)

    def _multipart(self, boundary: str, start: int, end: int, depth: int, default: str) -> None:
        sections = list(self._sections(boundary.encode("utf-8", "replace"), start, end))
        if not sections:
            self.defects.append("boundary_not_found")
            self._append(Headers(b""), "text/plain", {}, start, end)
        for first, last in sections:
            block, body = self.header_block(first, last)
            self.leaves(block, body, last, depth + 1, default)

    def _sections(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where each section between two boundary lines begins and ends (RFC 2046, 5.1.1)."""
        opened = -1
        for line, after, closing in self._boundary_lines(b"--" + boundary, start, end):
            if opened >= 0:
                yield opened, max(opened, line)
            opened = after
            if closing:
                return
        if opened >= 0:
            self.defects.append("not_closed")
            yield opened, end

    def _boundary_lines(self, delimiter: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """End of the text before, begin of the text after, and whether it is the closing one."""
        raw = self.raw
        at = start if raw.startswith(delimiter, start, end) else raw.find(b"\n" + delimiter, start, end)
        while at >= 0:
            if not self.lines_left:
                self.defects.append("too_many_parts")
                return
            self.lines_left -= 1
            tail = at + len(delimiter) + (raw[at] == 10)
            stop = raw.find(b"\n", tail, end)
            stop = end if stop < 0 else stop
            rest = raw[tail : min(stop, tail + 200)].strip()
            if rest in (b"", b"--"):
                before = at - 1 if at > start and raw[at - 1] == 13 else at
                yield before, min(stop + 1, end), rest == b"--"
            at = raw.find(b"\n" + delimiter, stop, end) if stop < end else -1

    def _append(
        self, headers: Headers, content_type: str, params: Mapping[str, str], start: int, end: int
    ) -> None:
        disposition, more = parameters(headers.get("content-disposition"))
        wanted = min(end - start, MAX_DATA, self.data_left) if holds_text(content_type) else 0
        self.data_left -= wanted
        cut = holds_text(content_type) and wanted < end - start
        if cut:
            self.defects.append("cut")
        self.parts.append(
            Part(
                content_type=content_type,
                data=self.raw[start : start + wanted],
                charset=params.get("charset", ""),
                encoding=headers.get("content-transfer-encoding").strip().lower()[:40],
                disposition=disposition if disposition in ("attachment", "inline") else "",
                filename=(more.get("filename") or params.get("name") or "")[:255],
                cut=cut,
                params={k: v for k, v in params.items() if k not in ("charset", "name", "boundary")},
            )
        )
