"""Settings of a Freshdesk source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from smartticket_daemon.http import HelpdeskSettings


class FreshdeskSettings(HelpdeskSettings):
    """One Freshdesk account, seen as one of its agents."""

    kind: Literal["freshdesk"] = "freshdesk"
    api_key_file: Path = Field(description="holds the agent's API key on its first line")
    category_field: str | None = Field(
        default=None,
        pattern=r"^cf_[a-z0-9_]+$",
        description="write this custom field instead of tags, as cf_triage",
    )
    default_groups: tuple[str, ...] = Field(
        default=(), description="groups that rules give to new tickets: nobody has decided on these yet"
    )

    @property
    def one_tag(self) -> bool:
        """The field has room for one value."""
        return self.category_field is not None
