"""Suggested replies: sandboxed templates by category and language, filled from a fixed list of values.

A customer's text is only ever a value, never a template, so nothing in it can be evaluated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smartticket_daemon.domain import Message, Note
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.names import first_name

PLACEHOLDERS = frozenset({"first_name", "subject", "ticket"})
"""The only values a template may use; each may be empty."""

FALLBACK_LANGUAGE = "en"
MAX_VALUE = 200
_SUFFIX = ".txt"

_LANGUAGE_PARTS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Filter,
)  # fmt: skip
"""What a reply template may be made of: text, values, choices. No calls, no attributes, no loops."""
_FILTERS = frozenset({"capitalize", "default", "lower", "title", "trim", "truncate", "upper"})


class Replies:
    """All templates, read and checked once: DIR/LANGUAGE/CATEGORY.txt, later folders win.

    Raises ConfigurationError naming the file where a template is broken or asks for an unknown value.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates: dict[tuple[str, str], Template] = {}
        for folder in folders:
            self._read(folder)

    def _read(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"replies: no folder {folder}")
        for file in sorted(folder.glob(f"*/*{_SUFFIX}")):
            self._templates[file.stem, file.parent.name] = self._compile(file)

    def _compile(self, file: Path) -> Template:
        """Checked by its parts, then rendered with every choice of full and empty values."""
        try:
            source = file.read_text("utf-8")
            _refuse_foreign_parts(file, self._environment.parse(source))
            template = self._environment.from_string(source)
            for filled in product(("", "Jane"), repeat=len(PLACEHOLDERS)):
                template.render(dict(zip(sorted(PLACEHOLDERS), filled, strict=True)))
        except (TemplateError, TypeError, ValueError, OSError) as error:
            line = getattr(error, "lineno", None)
            place = f"{file}, line {line}" if line else str(file)
            raise ConfigurationError(f"{place}: not a usable reply template: {error}") from None
        return template

    def missing(self, categories: Iterable[str]) -> list[str]:
        """Categories without a template in the fallback language."""
        return [c for c in categories if (c, FALLBACK_LANGUAGE) not in self._templates]

    def note(self, category: str, language: str, message: Message) -> Note:
        """The reply for `category` in the message's language, else in English."""
        if (category, language) not in self._templates:
            language = FALLBACK_LANGUAGE
        body = self._templates[category, language].render(values(message))
        return Note(body=body.strip() + "\n", name=f"{category}.{language}")


def _refuse_foreign_parts(file: Path, template: nodes.Template) -> None:
    for part in _walk(template):
        place = f"{file}, line {part.lineno}"
        if isinstance(part, nodes.Name) and part.name not in PLACEHOLDERS:
            known = ", ".join(sorted(PLACEHOLDERS))
            raise ConfigurationError(f"{place}: unknown placeholder {part.name}; use {known}")
        if isinstance(part, nodes.Filter) and part.name not in _FILTERS:
            known = ", ".join(sorted(_FILTERS))
            raise ConfigurationError(f"{place}: filter {part.name} is not for replies; use {known}")
        if not isinstance(part, _LANGUAGE_PARTS):
            raise ConfigurationError(
                f"{place}: {type(part).__name__} is not for replies; show placeholders, choose with if"
            )


def _walk(node: nodes.Node) -> Iterable[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def values(message: Message) -> Mapping[str, str]:
    """What a template may show of a message: one line each, without control characters, short."""
    return {
        "first_name": first_name(_one_line(message.requester.name)),
        "subject": _one_line(message.subject),
        "ticket": _one_line(message.number),
    }


def _one_line(text: str) -> str:
    kept = (_plain(c) for c in text[: 4 * MAX_VALUE])
    return " ".join("".join(kept).split())[:MAX_VALUE].rstrip()


def _plain(character: str) -> str:
    """Control characters part words; invisible marks (bidi, zero width, half a surrogate) only go."""
    kind = unicodedata.category(character)
    return " " if kind == "Cc" else "" if kind[0] == "C" else character
