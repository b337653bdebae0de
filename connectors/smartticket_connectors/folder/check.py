"""What `smartticket check` says about a folder source."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from smartticket_connectors.folder.border import ours
from smartticket_connectors.folder.box import Box, is_safe
from smartticket_connectors.folder.formats import open_box
from smartticket_connectors.folder.settings import FolderSettings
from smartticket_daemon.domain import Finding, Mode

_LITTLE = 10 * 1024 * 1024
"""Bytes free below which we ask for more."""


def diagnose(settings: FolderSettings, routes: Collection[str]) -> Iterator[Finding]:
    """All findings; nothing is changed."""
    path = settings.path
    try:
        box = open_box(settings)
        if not box.has_folder(""):
            yield Finding(False, f"{path} is no {settings.format}", "correct path or format")
            return
        yield Finding(True, f"{path} can be read as {type(box).__name__}")
        if settings.mode is not Mode.OBSERVE:
            yield _rights(settings, box)
            yield _space(settings)
            for folder in sorted({settings.drafts, *routes}):
                yield _folder(settings, box, folder)
    except OSError as error:
        trouble = ours(error, path)
        yield Finding(False, str(trouble), "correct path, or its rights", trouble.exit_code)


def _rights(settings: FolderSettings, box: Box) -> Finding:
    if box.writable():
        return Finding(True, f"{settings.path} can be written")
    mend = f'make it writable for user {os.getuid()}, or set mode = "observe"'
    return Finding(False, f"{settings.path} cannot be written", mend, 77)


def _space(settings: FolderSettings) -> Finding:
    disk = os.statvfs(settings.path)
    if disk.f_bavail * disk.f_frsize > _LITTLE:
        return Finding(True, "there is room on the disk")
    return Finding(False, f"the disk of {settings.path} is full", "make room", 69)


def _folder(settings: FolderSettings, box: Box, folder: str) -> Finding:
    if not is_safe(folder):
        return Finding(False, f"{folder!r} is not the plain name of a folder", "correct it in the settings")
    if box.has_folder(folder):
        return Finding(True, f"folder {folder} is there")
    if settings.create_folders:
        return Finding(True, f"folder {folder} will be made")
    return Finding(False, f"no folder {folder}", "make it, or set create_folders = true")
