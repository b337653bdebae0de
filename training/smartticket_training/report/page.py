"""The frame of a report: one HTML file without anything from outside, and the few elements it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
:root{--ink:#1d2733;--soft:#5b6875;--line:#dde3e9;--blue:#2a6fb0;--orange:#c4581b;--pale:#f4f7fa}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:980px;margin:0 auto;padding:24px 20px 60px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:21px;margin:0 0 10px;padding-top:28px;border-top:1px solid var(--line)}
h3{font-size:16px;margin:22px 0 8px;overflow-wrap:anywhere}
section{margin-top:32px}
p,ul{margin:0 0 12px;max-width:72ch;overflow-wrap:anywhere}
.soft,.read{color:var(--soft)}
.read{border-left:3px solid var(--blue);padding-left:12px}
nav{margin:14px 0 0;font-size:14px;display:flex;flex-wrap:wrap;gap:4px 16px}
a{color:var(--blue)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin:0 0 16px}
.tile{background:var(--pale);border-radius:8px;padding:14px 16px}
.tile b{display:block;font-size:32px;line-height:1.15}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:24px 32px;
align-items:start}
.many{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,200px),1fr));gap:18px 22px;
margin:0 0 14px}
.many p{font-size:14px;line-height:1.35;margin:0}
figure{margin:0}figure h3{margin:0 0 4px}
svg{display:block;width:100%;height:auto;max-width:560px;font-size:12px}
.many svg{max-width:260px}
svg text{fill:var(--ink)}svg .axis{fill:var(--soft)}svg .small{font-size:11px}svg .strong{font-weight:600}
.bar{fill:var(--blue)}.bar.pale,.pale{fill:#b9d0e6}.bar.low{fill:var(--orange)}
.grid{stroke:var(--line)}.edge{stroke:var(--soft)}
.ideal{stroke:var(--orange);stroke-dasharray:4 4;stroke-width:1.5}
.curve{fill:none;stroke:var(--blue);stroke-width:2.5;stroke-linejoin:round}
.dot{fill:var(--blue)}.mark{fill:var(--orange);stroke:#fff;stroke-width:1.5}
.wide{overflow-x:auto;margin:0 0 12px}
table{border-collapse:collapse;font-size:14px}
th,td{padding:5px 10px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);vertical-align:bottom}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.heat th,.heat td{padding:3px 4px;border:1px solid #fff;font-size:12px;white-space:nowrap}
.heat td{text-align:center;min-width:30px;font-variant-numeric:tabular-nums;background:var(--pale)}
.heat thead th span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:150px;overflow:hidden}
.heat thead th{vertical-align:bottom;text-align:center}
.heat tbody th{text-align:right;position:sticky;left:0;background:#fff;max-width:170px;overflow:hidden;
text-overflow:ellipsis;vertical-align:middle}
.term{display:inline-block;background:var(--pale);border-radius:4px;padding:1px 7px;margin:0 5px 5px 0}
@media(max-width:520px){main{padding:16px 14px 40px}h1{font-size:24px}
.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:10px 12px;font-size:14px}.tile b{font-size:25px}
.heat tbody th{max-width:110px}
.many{grid-template-columns:1fr 1fr;gap:14px 10px}.many h3{font-size:13px}.many p{font-size:13px}}
"""

_POLICY = "default-src 'none';style-src 'unsafe-inline'"
"""Whatever a label may hold, nothing is loaded from anywhere, and nothing runs."""


def page(title: str, subtitle: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """The file; a section is its anchor, its heading and its HTML."""
    links = "".join(f'<a href="#{anchor}">{escape(heading)}</a>' for anchor, heading, _ in sections)
    body = "".join(
        f'<section id="{anchor}"><h2>{escape(heading)}</h2>{html}</section>\n'
        for anchor, heading, html in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>"
        f"<h1>{escape(title)}</h1><p class=soft>{escape(subtitle)}</p><nav>{links}</nav>\n"
        f"{body}</main></body></html>\n"
    )


def paragraph(words: str, kind: str = "") -> str:
    """Plain words, escaped."""
    return f"<p{_kind(kind)}>{escape(words)}</p>"


def read(words: str) -> str:
    """How to read a picture, and what to do about it."""
    return paragraph(words, "read")


def beside(picture: str, words: str) -> str:
    """A picture and what to know about it, side by side where there is room."""
    return f'<div class="side"><figure>{picture}</figure><div>{words}</div></div>'


def bullets(items: Sequence[str]) -> str:
    """A list, escaped."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""


def tiles(items: Sequence[tuple[str, str]]) -> str:
    """Large figures with what they mean."""
    shown = "".join(
        f'<div class="tile"><b>{escape(figure)}</b>{escape(words)}</div>' for figure, words in items
    )
    return f'<div class="tiles">{shown}</div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """A table, escaped; columns whose heading ends with a space are words, the others figures."""
    kinds = ["" if column.endswith(" ") else ' class="n"' for column in columns]
    names = [escape(column.strip()) for column in columns]
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(kinds, names, strict=True))
    body = "".join(f"<tr>{''.join(map(_cell, kinds, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(kind: str, cell: str | int) -> str:
    return f"<td{kind}>{escape(f'{cell:,}' if isinstance(cell, int) else cell)}</td>"


def heat(names: Sequence[str], columns: Sequence[str], shares: Sequence[Sequence[float]]) -> str:
    """A table of shares (0 to 1) with the larger ones darker: blue where row and column are the same."""
    head = "".join(f"<th><span>{escape(column)}</span></th>" for column in columns)
    body = []
    for place, (name, row) in enumerate(zip(names, shares, strict=True)):
        cells = "".join(_shade(share, own=place == at) for at, share in enumerate(row))
        body.append(f'<tr><th title="{escape(name)}">{escape(name)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table class="heat"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _shade(share: float, *, own: bool) -> str:
    if share < 0.005:
        return "<td></td>"
    colour, strength = ("42,111,176", share) if own else ("196,88,27", min(1.0, 0.1 + share * 2.5))
    ink = ";color:#fff" if strength > 0.55 else ""
    return f'<td style="background:rgba({colour},{strength:.2f}){ink}">{share * 100:.0f}</td>'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
