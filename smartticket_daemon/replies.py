"""Suggested replies: sandboxed templates by category and language, filled from a fixed list of values.

A customer's text is only ever a value, never a template, so nothing in it can be evaluated.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smartticket_daemon.domain import Message, Note
from smartticket_daemon.errors import ConfigurationError

PLACEHOLDERS = frozenset({"first_name", "subject", "ticket"})
"""The only values a template may use; each may be empty."""

FALLBACK_LANGUAGE = "en"
MAX_VALUE = 200
_SUFFIX = ".txt"
_NOT_A_NAME = re.compile(r"[^\w'’.-]|\d|_")


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
        try:
            source = file.read_text("utf-8")
            asked = meta.find_undeclared_variables(self._environment.parse(source))
            if unknown := sorted(asked - PLACEHOLDERS):
                raise ConfigurationError(
                    f"{file}: unknown placeholder {', '.join(unknown)}; use {', '.join(sorted(PLACEHOLDERS))}"
                )
            template = self._environment.from_string(source)
            template.render(dict.fromkeys(PLACEHOLDERS, ""))
        except (TemplateError, UnicodeDecodeError, OSError) as error:
            line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
            raise ConfigurationError(f"{file}{line}: not a usable reply template: {error}") from None
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


def values(message: Message) -> Mapping[str, str]:
    """What a template may show of a message: one line each, without control characters, short."""
    return {
        "first_name": first_name(message.requester.name),
        "subject": _one_line(message.subject),
        "ticket": _one_line(message.number),
    }


def first_name(name: str) -> str:
    """The first word of a display name when it looks like a name, else nothing: no greeting beats a wrong one.

    "Doe, Jane" gives Jane; an address, a digit or an odd character gives "".
    """
    text = _one_line(name).strip("\"' ")
    if "," in text:
        text = text.partition(",")[2].strip()
    word = text.split(" ")[0] if text else ""
    return "" if len(word) < 2 or len(word) > 30 or _NOT_A_NAME.search(word) else word


def _one_line(text: str) -> str:
    printable = (c if unicodedata.category(c)[0] != "C" else " " for c in text[: 4 * MAX_VALUE])
    return " ".join("".join(printable).split())[:MAX_VALUE]
