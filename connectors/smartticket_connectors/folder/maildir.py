"""A Maildir with Maildir++ folders (`.Billing` beside `cur`), as Dovecot, Courier and mail programs keep it.

A file is `new/NAME` until a mail program has met it and `cur/NAME:2,FLAGS` afterwards. NAME lasts, flags
change with the file's name. What is in `new` stays in `new`, wherever it is moved.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from smartticket_connectors.folder.box import Place, exists
from smartticket_connectors.folder.files import Files
from smartticket_daemon.domain import Key

_INFO = ":2,"
_TICK = 1_000_000_000
"""Nanoseconds; no file system counts coarser."""


class Maildir(Files):
    """See the module."""

    def __init__(self, root: Path, batch: int) -> None:
        super().__init__(root, batch)
        self._listings: dict[str, _Listing] = {}

    def directories(self, folder: str) -> tuple[Path, ...]:
        """A message goes from `new` to `cur`, so a listing in this order meets it at least once."""
        base = self.root / f".{_on_disk(folder)}" if folder else self.root
        return base / "new", base / "cur"

    def name_of(self, file_name: str) -> str | None:
        """The lasting part of the name."""
        return None if file_name.startswith(".") else file_name.partition(_INFO)[0]

    def locate(self, place: Place) -> Path | None:
        """Where it was last time; else, as its flags may have changed, by a look through the folder."""
        listing = self._listings.setdefault(place.folder, _Listing(self.directories(place.folder)))
        path = listing.find(place.name)
        if path is None or not exists(path):
            listing.refresh()
            path = listing.find(place.name)
        return path

    def flags(self, path: Path) -> str:
        """See `Files.flags`."""
        return path.name.partition(_INFO)[2]

    def file_at(self, target: Place, source: Path) -> Path:
        """`new` stays `new`, and the flags stay."""
        new, cur = self.directories(target.folder)
        directory = new if source.parent.name == "new" else cur
        flags = source.name.partition(_INFO)
        return directory / f"{target.name}{flags[1]}{flags[2]}"

    def draft_place(self, key: Key, folder: str) -> Place:
        """See `Box.draft_place`."""
        return Place(folder, f"{key}.smartticket")

    def draft_files(self, place: Place) -> tuple[Path, Path]:
        """See `Files.draft_files`."""
        cur = self.directories(place.folder)[1]
        return cur / f"{place.name}{_INFO}D", cur.parent / "tmp" / place.name

    def write_draft(self, place: Place, raw: bytes) -> None:
        """Mail in a Maildir has the line ends of the system."""
        super().write_draft(place, raw.replace(b"\r\n", b"\n"))

    def make_folder(self, folder: str) -> None:
        """The empty file marks a folder as one of the Maildir it lies in."""
        base = self.directories(folder)[0].parent
        for name in ("tmp", "new", "cur"):
            (base / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        (base / "maildirfolder").touch(mode=0o600)


class _Listing:
    """The file names of one folder, by the lasting part of the name."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories
        self._files: dict[str, str] = {}
        self._taken_at: list[int] = []

    def find(self, name: str) -> Path | None:
        """Where the file was when we last looked."""
        file = self._files.get(name)
        return None if file is None else self._directories[0].parent / file

    def refresh(self) -> None:
        """Look again, unless no directory has changed since; a change within a clock tick does not show."""
        try:
            times = [directory.stat().st_mtime_ns for directory in self._directories]
            if times == self._taken_at:
                return
            self._taken_at = times if time.time_ns() - max(times) > _TICK else []
            self._files = {
                file.partition(_INFO)[0]: f"{directory.name}/{file}"
                for directory in self._directories
                for file in os.listdir(directory)  # noqa: PTH208 - an object for each file is too much
            }
        except FileNotFoundError:
            self._files = {}


def _on_disk(folder: str) -> str:
    """Names of Maildir++ folders are in the modified UTF-7 of IMAP."""
    if folder.isascii() and "&" not in folder:
        return folder
    from imapclient.imap_utf7 import encode

    return str(encode(folder), "ascii")
