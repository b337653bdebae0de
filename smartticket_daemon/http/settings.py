"""Settings that every helpdesk source has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from smartticket_daemon.http.base import Base
from smartticket_daemon.source_settings import Duration, SourceSettings


def _normal(url: str) -> str:
    return str(Base.parse(url))


class HelpdeskSettings(SourceSettings):
    """Keys of any helpdesk source; a connector adds its own, credentials foremost."""

    url: Annotated[str, AfterValidator(_normal)] = Field(
        description="where the helpdesk answers, as https://acme.example.com; http to this machine only"
    )
    budget: float = Field(
        default=0.5, gt=0, le=1, description="the share of the vendor's rate limits that we may use"
    )
    ca_file: Path | None = Field(
        default=None, description="trust this authority only, instead of the well-known ones"
    )
    timeout: Duration = Field(
        default=timedelta(seconds=60), description="a server that does not answer costs at most this"
    )
    batch: int = Field(default=100, ge=1, le=100, description="tickets read and decided on at once")

    @property
    def base(self) -> Base:
        """`url` as a value."""
        return Base.parse(self.url)
