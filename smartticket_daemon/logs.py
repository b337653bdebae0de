"""Structured logs on standard error: one event a line, JSON unless a person watches.

Events carry names, counts and keys; never a body, a subject, an address or a secret.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def configure(
    *,
    verbose: bool = False,
    quiet: bool = False,
    colours: bool | None = None,
    stream: TextIO | None = None,
) -> None:
    """Set up structlog and route foreign loggers through it, warnings and worse only.

    `quiet` keeps our own events to warnings too. Events go to `stream`, without one to standard error.
    """
    stream = stream or sys.stderr
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    terminal = stream.isatty() if colours is None else colours
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _plain,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)


class _Foreign(logging.Handler):
    """Foreign log records become one event each: the logger and the kind, not the text, which is not ours."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().warning(
            "library_warning", library=record.name, place=f"{record.module}:{record.lineno}", error=error
        )


def _plain(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """No control characters in any value: a log line cannot be forged or colour a terminal."""
    return {key: _printable(value) if isinstance(value, str) else value for key, value in event.items()}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
