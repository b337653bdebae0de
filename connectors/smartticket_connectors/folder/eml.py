"""A directory of .eml files; its folders are sub-directories."""

from __future__ import annotations

from pathlib import Path

from smartticket_connectors.folder.box import Place, exists
from smartticket_connectors.folder.files import Files
from smartticket_daemon.domain import Key


class EmlDirectory(Files):
    """The file's name is the message's name. There are no flags; what we cannot know is not set."""

    def directories(self, folder: str) -> tuple[Path, ...]:
        """The directory itself, or one in it."""
        return (self.root / folder,)

    def name_of(self, file_name: str) -> str | None:
        """Hidden files are not finished yet, or nobody's business."""
        is_message = file_name.lower().endswith(".eml") and not file_name.startswith(".")
        return file_name if is_message else None

    def locate(self, place: Place) -> Path | None:
        """See `Files.locate`."""
        path = self.root / place.folder / place.name
        return path if exists(path) else None

    def flags(self, path: Path) -> str:  # noqa: ARG002 - the names of .eml files carry none
        """See `Files.flags`."""
        return ""

    def file_at(self, target: Place, source: Path) -> Path:  # noqa: ARG002 - nothing of it is kept
        """See `Files.file_at`."""
        return self.root / target.folder / target.name

    def draft_place(self, key: Key, folder: str) -> Place:
        """See `Box.draft_place`."""
        return Place(folder, f"{key}.eml")

    def draft_files(self, place: Place) -> tuple[Path, Path]:
        """See `Files.draft_files`."""
        directory = self.root / place.folder
        return directory / place.name, directory / f".{place.name}.new"

    def make_folder(self, folder: str) -> None:
        """See `Box.make_folder`."""
        (self.root / folder).mkdir(exist_ok=True)
