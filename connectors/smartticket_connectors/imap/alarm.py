"""A limit on the time that a block may take, for thousands of short blocks, with one thread for all."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK = 0.1
"""How late (s) an alarm may ring."""


class Alarm:
    """Rings for blocks that are not left in time; between blocks its thread sleeps for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed = threading.Event()
        self._numbers = itertools.count()
        self._due: dict[int, tuple[float, Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, ring: Callable[[], None]) -> Iterator[None]:
        """Call `ring` in another thread when the block takes longer; never once it was left."""
        number = next(self._numbers)
        with self._lock:
            self._due[number] = (time.monotonic() + seconds, ring)
            self._start()
        try:
            yield
        finally:
            with self._lock:
                self._due.pop(number, None)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="alarm", daemon=True)
            self._thread.start()
        if not self._armed.is_set():
            self._armed.set()

    def _watch(self) -> None:
        while self._armed.wait():
            time.sleep(TICK)
            with self._lock:
                if not self._due:
                    self._armed.clear()
                now = time.monotonic()
                for number, (moment, ring) in list(self._due.items()):
                    if now >= moment:
                        del self._due[number]
                        ring()


alarm = Alarm()
