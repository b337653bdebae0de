"""Bytes to text, whatever the sender declared. Never raises."""

from __future__ import annotations

import codecs
import encodings.aliases
from functools import lru_cache

_GUESS_BYTES = 4 * 1024
_SHORTEST_GUESS = 40
_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "tis-620": "cp874",
    "windows-874": "cp874",
}
# These transform bytes, evaluate escapes, take quadratic time, or are of machines that send no mail.
_REFUSED = frozenset(
    {
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "quopri_codec",
        "rot_13",
        "uu_codec",
        "zlib_codec",
        "charmap",
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw_unicode_escape",
        "undefined",
        "unicode_escape",
        "cp037",
        "cp273",
        "cp424",
        "cp500",
        "cp1026",
        "cp1140",
    }
)
_SEVEN_BIT = ("utf-7", "utf-16", "utf-32", "iso2022", "hz")
"""Codecs in which ASCII bytes may stand for other characters."""
_MORE = frozenset(("cp874", "koi8_u", "utf_8_sig", "cp720", "cp737"))
_KNOWN = _MORE | frozenset(encodings.aliases.aliases) | frozenset(encodings.aliases.aliases.values())


def decoded(data: bytes, charset: str) -> tuple[str, bool]:
    """The text, and whether the declared charset was wrong.

    Order: ASCII, the declared charset, UTF-8, a guess, Windows-1252 with replacements; UTF-8 comes before
    Latin-1, in which any bytes are valid. A declared charset may fail for one character in two hundred,
    since a text may be cut within one.
    """
    codec = _codec(charset)
    if codec.startswith(("utf-16", "utf-32")) and b"\0" not in data:
        codec = ""
    if data.isascii() and not codec.startswith(_SEVEN_BIT):
        return data.decode("ascii"), False
    if codec == "cp1252" and (text := _strict_utf_8(data)) is not None:
        return text, True
    if codec and (text := _tolerated(data, codec)) is not None:
        return text, False
    if (text := _tolerated(data, "utf-8")) is not None:
        return text, bool(charset)
    return data.decode(_guess(data[:_GUESS_BYTES]), "replace"), True


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Name of a text codec of Python's own; empty for any other. Unknown names never reach the registry."""
    name = charset.strip(" \t\"'").lower()[:40]
    name = _ALIASES.get(name, name)
    normal = encodings.normalize_encoding(name).lower() if name.isascii() else ""
    if normal.startswith("cp_"):
        normal = "cp" + normal[3:]
    if normal not in _KNOWN:
        return ""
    if encodings.aliases.aliases.get(normal, normal) in _REFUSED:
        return ""
    return codecs.lookup(normal).name


def _strict_utf_8(data: bytes) -> str | None:
    """Bytes that are valid UTF-8 beyond ASCII are hardly ever anything else."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _tolerated(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return None
    if codec == "utf-7":  # the only one that decodes to lone surrogates
        text = text.encode("utf-8", "replace").decode("utf-8")
    wrong = text.count("\ufffd")
    return text if wrong * 200 <= len(text) or (wrong <= 1 and len(data) > 20) else None


def _guess(data: bytes) -> str:
    if len(data) < _SHORTEST_GUESS:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(data, steps=5, chunk_size=256).best()
    return _codec(best.encoding) or "cp1252" if best else "cp1252"
