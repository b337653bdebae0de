"""One engine, its transactions, and the border at which foreign errors end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from sqlalchemy import Connection, Engine, exc

from smartticket_daemon.errors import JournalError

FOREIGN: tuple[type[Exception], ...] = (
    exc.SQLAlchemyError,
    getattr(exc, "EmulatedDBAPIException", exc.SQLAlchemyError),  # SQLAlchemy 2.1 and later
)

Explain = Callable[[BaseException | None], str]
"""Puts an engine's own error into the operator's words."""


@contextmanager
def border(explain: Explain) -> Iterator[None]:
    """Every error of SQLAlchemy or the engine leaves as JournalError, without statements or values."""
    try:
        yield
    except FOREIGN as error:
        _refuse(explain, getattr(error, "orig", None), type(error).__name__)


def _refuse(explain: Explain, cause: BaseException | None, name: str) -> NoReturn:
    if isinstance(cause, ValueError):
        raise cause from None
    raise JournalError(f"{explain(cause)} ({name})") from None


class Store:
    """Transactions on one engine.

    `explain` and `checkpoint` are the engine's own parts: its errors in words, and the moving of its
    log into its file (True when nothing of the log is left).
    """

    def __init__(self, engine: Engine, explain: Explain, checkpoint: Callable[[Engine], bool]) -> None:
        self._engine = engine
        self._reader = engine.execution_options(reads=True)
        self._explain = explain
        self._checkpoint = checkpoint
        self._stale = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        with border(self._explain), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, erases: bool = False) -> Iterator[Connection]:
        """All or nothing; `erases` tells that text was overwritten which the log may still hold."""
        with border(self._explain), self._engine.begin() as connection:
            yield connection
        self._stale |= erases

    def erase(self) -> None:
        """Empty the log where overwritten text may stand; another process's reading only postpones it."""
        if self._stale:
            with border(self._explain):
                self._stale = not self._checkpoint(self._engine)

    def close(self) -> None:
        """Empty the log and let go of all connections."""
        try:
            self.erase()
        finally:
            self._engine.dispose()
