"""Settings of a Zendesk source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from smartticket_daemon.http import HelpdeskSettings


class ZendeskSettings(HelpdeskSettings):
    """One account. OAuth is the way to sign in; the API token serves accounts that still have one."""

    kind: Literal["zendesk"] = "zendesk"
    client_id: str | None = Field(default=None, min_length=1, description="identifier of the OAuth client")
    client_secret_file: Path | None = None
    email: str | None = Field(
        default=None, min_length=3, description="legacy: the agent that api_token_file is used for"
    )
    api_token_file: Path | None = None
    default_groups: tuple[str, ...] = Field(
        default=(), description="groups that Zendesk itself assigns; being in one is no person's decision"
    )
    batch: int = Field(default=200, ge=1, le=1000, description="tickets read and decided on at once")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        oauth = (self.client_id, self.client_secret_file)
        token = (self.email, self.api_token_file)
        if (None in oauth) == (None in token) or any(oauth) == any(token):
            raise ValueError("give client_id and client_secret_file (or the legacy email and api_token_file)")
        if self.base.path:
            raise ValueError("url is https://YOURNAME.zendesk.com, without a path")
        if self.on_reply != "skip":
            raise ValueError('on_reply: only the first message of a ticket is read here; leave it "skip"')
        return self
