"""Messages that are not held in memory: their file is read anew each time they are walked through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smartticket_daemon.errors import DataError

Pair = tuple[str, str]
"""Subject and body of a message."""


@dataclass(frozen=True)
class Stored(Collection[Pair]):
    """Of the messages that `read` gives those whose numbers are `places` (ascending), then `more`."""

    read: Callable[[], Iterator[Pair]]
    places: NDArray[np.int64]
    more: tuple[Pair, ...] = ()

    def __len__(self) -> int:
        return len(self.places) + len(self.more)

    def __iter__(self) -> Iterator[Pair]:
        wanted = iter(self.places.tolist())
        place = next(wanted, None)
        for number, pair in enumerate(self.read()):
            if place is None:
                break
            if number == place:
                yield pair
                place = next(wanted, None)
        if place is not None:
            raise DataError("the data file lost rows while it was read; train again")
        yield from self.more

    def __contains__(self, wanted: object) -> bool:
        return any(pair == wanted for pair in self)

    def take(self, places: Sequence[int]) -> Stored:
        """These alone. Raises ValueError unless `places` ascend."""
        chosen = np.asarray(places, dtype=np.int64)
        if (np.diff(chosen) <= 0).any():
            raise ValueError("messages of a file are taken in its order")
        inside = chosen[chosen < len(self.places)]
        behind = chosen[len(inside) :] - len(self.places)
        more = tuple(self.more[place] for place in behind.tolist())
        return replace(self, places=self.places[inside], more=more)

    def __add__(self, more: list[Pair]) -> Stored:
        return replace(self, more=(*self.more, *more))
