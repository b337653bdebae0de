"""Settings of an IMAP source."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from smartticket_daemon.source_settings import Duration, SourceSettings

_PORTS = {"implicit": 993, "starttls": 143, "none": 143}


def folder_name(name: str) -> str:
    """`INBOX` in any spelling is one folder (RFC 3501, 5.1); all other names are as they are written."""
    return "INBOX" if name.upper() == "INBOX" else name


Folder = Annotated[str, AfterValidator(folder_name), Field(min_length=1)]


class ImapSettings(SourceSettings):
    """One mailbox. Passwords and tokens come from files or a command, never from the settings themselves."""

    kind: Literal["imap"] = "imap"
    host: str = Field(min_length=1)
    port: int = Field(default=993, ge=1, le=65535, description="default: 993, or 143 without implicit TLS")
    tls: Literal["implicit", "starttls", "none"] = Field(
        default="implicit", description="none only to this machine itself"
    )
    ca_file: Path | None = Field(
        default=None, description="trust this authority only, instead of the system's"
    )
    username: str = Field(min_length=1)
    auth: Literal["password", "xoauth2", "oauthbearer"] = "password"
    password_file: Path | None = None
    password: SecretStr | None = Field(default=None, description="from the environment only")
    oauth_token_file: Path | None = None
    oauth_token_command: tuple[str, ...] = Field(
        default=(), description="program and arguments that print an access token; no shell"
    )
    folder: Folder = "INBOX"
    drafts: Folder | None = Field(
        default=None, description="default: the folder the server marks as \\Drafts"
    )
    keyword_fallback: Literal["journal", "refuse"] = Field(
        default="journal", description="where the server keeps no keywords: tags in the journal only, or stop"
    )
    create_folders: bool = Field(default=True, description="make a missing folder that mail is routed to")
    batch: int = Field(default=50, ge=1, le=500, description="messages read and decided on at once")
    timeout: Duration = Field(
        default=timedelta(seconds=60), description="a server that does not answer costs at most this"
    )

    @property
    def place(self) -> str:
        """One folder of one account."""
        return f"imap {self.host.lower()}:{self.port} {self.username} {self.folder}"

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        values.setdefault("port", _PORTS.get(values.get("tls", "implicit"), 993))
        user = values.get("username")
        if not values.get("own_addresses") and isinstance(user, str) and "@" in user:
            values["own_addresses"] = (user,)
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError(
                f'tls = "none" sends the password in clear; allowed to this machine only, not {self.host}'
            )
        if self.auth == "password":
            if (self.password_file is None) == (self.password is None):
                raise ValueError(
                    'auth = "password" needs password_file, or the password in the environment, not both'
                )
        elif (self.oauth_token_file is None) == (not self.oauth_token_command):
            raise ValueError(f'auth = "{self.auth}" needs either oauth_token_file or oauth_token_command')
        return self


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
