"""Settings of a folder source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from smartticket_connectors.folder.box import is_safe
from smartticket_daemon.source_settings import SourceSettings


class FolderSettings(SourceSettings):
    """One place on the local disk where mail is put."""

    kind: Literal["folder"] = "folder"
    path: Path = Field(description="a Maildir, an mbox file, or a directory of .eml files")
    format: Literal["auto", "maildir", "mbox", "eml"] = Field(
        default="auto", description="auto: as what lies at path looks"
    )
    drafts: str = Field(default="Drafts", description="folder for suggested replies")
    create_folders: bool = Field(default=True, description="make a missing folder that mail is routed to")
    batch: int = Field(default=50, ge=1, le=500, description="messages judged and recorded at once")

    @property
    def place(self) -> str:
        """One place on the disk, whatever way leads to it."""
        return f"folder {self.path.resolve()}"

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if not is_safe(self.drafts):
            raise ValueError('drafts is the plain name of a folder, such as "Drafts"')
        return self
