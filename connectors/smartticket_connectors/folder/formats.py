"""Which of the three formats lies at a path."""

from __future__ import annotations

from pathlib import Path

from smartticket_connectors.folder.box import Box
from smartticket_connectors.folder.eml import EmlDirectory
from smartticket_connectors.folder.maildir import Maildir
from smartticket_connectors.folder.mbox import Mbox
from smartticket_connectors.folder.settings import FolderSettings


def open_box(settings: FolderSettings) -> Box:
    """The box at the configured path. Raises OSError when nothing is there."""
    kind = _looks_like(settings.path) if settings.format == "auto" else settings.format
    if kind == "mbox":
        return Mbox(settings.path, settings.batch)
    return (Maildir if kind == "maildir" else EmlDirectory)(settings.path, settings.batch)


def _looks_like(path: Path) -> str:
    path.stat()
    if path.is_file():
        return "mbox"
    return "maildir" if (path / "cur").is_dir() and (path / "new").is_dir() else "eml"
