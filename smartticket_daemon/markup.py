"""HTML to text as a reader sees it: blocks on lines of their own, hidden text off. Pure and bounded."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from smartticket_daemon.quotes import SEPARATOR

MAX_HTML = 512 * 1024
"""Characters of HTML that are looked at."""

_MAX_DEPTH = 400
_MAX_COPIES = 100_000
_CHEAP_TAGS = 400
_MAX_COLOUR_CHECKS = 300
_MAX_ANCESTORS = 50
_MAX_STYLE = 2_000
_DROPPED = "style,script,title,head,template,noscript,object,svg,iframe,select,textarea,math,[hidden]"
_BLOCKS = (
    "address,article,aside,center,dd,div,dl,dt,fieldset,footer,form,h1,h2,h3,h4,h5,h6,header,"
    "hr,li,main,nav,ol,p,pre,section,table,tr,ul"
)
_BLOCK_NAMES = frozenset((*_BLOCKS.split(","), "br", "blockquote"))
_HISTORY = "#divRplyFwdMsg,#appendonsend,#OLK_SRC_BODY_SECTION,[class*=yahoo_quoted]"
_OPEN, _CLOSE, _EDGE, _BREAK = "\ue000", "\ue001", "\ue002", "\ue003"
"""Private characters that stand for the edges of a quoted block, of any block, and for a line break."""

_PRIVATE = re.compile(f"([{_OPEN}-{_BREAK}])")
_UNFIT = re.compile(f"[{_OPEN}-{_BREAK}\ud800-\udfff]")
_MARKS = frozenset((_OPEN, _CLOSE, _EDGE, _BREAK))
_SPACE = re.compile(r"[\t\r\n\f]+")
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})[^<>]*>?", re.DOTALL)
_UNREAD = re.compile(r"<(style|script|head|title)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_SELF_CLOSING = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dd",
        "dt",
        "option",
    }
)
_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all"
    r"|(?:font-size|max-height|max-width|opacity)\s*:\s*0+(?:\.0+)?(?![\d.])"
    r"|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_WHITE = re.compile(r"#fff(?:fff)?\b|white\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_COLOUR = re.compile(r"(?<![-\w])(background(?:-color)?|color)\s*:\s*([^;]{1,40})", re.IGNORECASE)


def text_of_html(html: str) -> str:
    """The visible text; cite blocks come as lines with `> `, known starts of history as SEPARATOR.

    Mark-up that would make a tree builder slow (see `_is_hostile`) is stripped of its tags instead.
    """
    html = _UNFIT.sub("", html[:MAX_HTML])
    if _is_hostile(html):
        return _stripped(html)
    try:
        return _rendered(html)
    except SelectolaxError:
        return _stripped(html)


def _rendered(html: str) -> str:
    body = LexborHTMLParser(html).body
    if body is None:
        return ""
    _remove_dropped(body)
    _remove_hidden(body)
    _mark_lines(body)
    return _laid_out(body.text())


def _is_hostile(html: str) -> bool:
    """Whether mark-up is nested deeper than any real mail's, or leaves formatting open over many tags.

    A tree builder copies every open formatting element (HTML, 13.2.4.3) into each new block: the sum of
    those open at each tag bounds the nodes it makes, at some 360 bytes each.
    """
    if html.count("<") <= _CHEAP_TAGS:
        return False
    opened: Counter[str] = Counter()
    depth = formats = copies = 0
    for match in _TAG.finditer(html):
        name = (match[2] or "").lower()
        if not name or name in _SELF_CLOSING or (match[1] and not opened[name]):
            copies += formats
            continue
        step = -1 if match[1] else 1
        opened[name] += step
        depth += step
        formats += step * (name in _FORMATTING)
        copies += formats
        if depth > _MAX_DEPTH or copies > _MAX_COPIES:
            return True
    return copies > _MAX_COPIES


def _stripped(html: str) -> str:
    def replacement(match: re.Match[str]) -> str:
        return "\n" if match[2] and match[2].lower() in _BLOCK_NAMES else ""

    text = _TAG.sub(replacement, _UNREAD.sub(" ", html))
    try:
        return unescape(text)
    except ValueError:  # a character reference of thousands of digits
        return text


def _remove_dropped(body: LexborNode) -> None:
    """Backwards, so that no node is used after one that holds it was freed."""
    for node in reversed(body.css(_DROPPED)):
        if node.tag != "body":
            node.decompose()


def _remove_hidden(body: LexborNode) -> None:
    checks = _MAX_COLOUR_CHECKS
    for node in reversed(body.css("[style]")):
        hides, colour, _ = _look((node.attrs.get("style") or "")[:_MAX_STYLE])
        white = colour == "white" and checks > 0
        checks -= white
        if (hides or (white and _is_on_white(node))) and node.tag != "body":
            node.decompose()


@lru_cache(maxsize=256)
def _look(style: str) -> tuple[bool, str, str]:
    """Whether a style hides, and what it says of colour and background: `white`, `other` or nothing."""
    style = _COMMENT.sub("", style)
    said = {"c": "", "b": ""}
    for name, value in _COLOUR.findall(style):
        said[name[0].lower()] = "white" if _WHITE.match(value.strip()) else "other"
    return bool(_HIDING.search(style)), said["c"], said["b"]


def _is_on_white(node: LexborNode) -> bool:
    """Whether the nearest background around the node is white, as it is where none is set."""
    at: LexborNode | None = node
    for _ in range(_MAX_ANCESTORS):
        if at is None or at.tag == "html":
            break
        background = _look((at.attrs.get("style") or "")[:_MAX_STYLE])[2]
        if background:
            return background == "white"
        if colour := at.attrs.get("bgcolor"):
            return bool(_WHITE.match(colour))
        at = at.parent
    return True


def _mark_lines(body: LexborNode) -> None:
    for node in body.css("br"):
        node.replace_with(_BREAK)
    for node in body.css(_HISTORY):
        node.insert_before(_EDGE + SEPARATOR + _EDGE)
    for node in body.css("blockquote"):
        node.insert_before(_OPEN)
        node.insert_after(_CLOSE)
    for node in body.css("td,th"):
        node.insert_after(" ")
    for node in body.css(_BLOCKS):
        node.insert_before(_EDGE)
        node.insert_after(_EDGE + _BREAK if node.tag == "p" else _EDGE)


def _laid_out(text: str) -> str:
    """Source white space to single spaces, marks to lines; each line with the depth of its quote."""
    lines: list[str] = []
    depth = 0
    line = ""
    for piece in _PRIVATE.split(_SPACE.sub(" ", text)):
        if piece not in _MARKS:
            line += piece
            continue
        if line.strip() or piece == _BREAK:
            _append(lines, line.strip(), depth)
        line = ""
        depth = max(0, depth + (piece == _OPEN) - (piece == _CLOSE))
    _append(lines, line.strip(), depth)
    return "\n".join(lines)


def _append(lines: list[str], line: str, depth: int) -> None:
    quoted = ">" * min(depth, 5)
    if line:
        lines.append(f"{quoted} {line}" if quoted else line)
    elif lines and lines[-1].strip("> "):
        lines.append(quoted)
