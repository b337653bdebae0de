"""Settings of a Request Tracker source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from smartticket_daemon.http import HelpdeskSettings

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class RequestTrackerSettings(HelpdeskSettings):
    """One RT, seen by one of its users. The token comes from a file, never from the settings themselves."""

    kind: Literal["request_tracker"] = "request_tracker"
    username: _Name = Field(description="name of the RT user whom the token belongs to")
    token_file: Path
    queues: tuple[_Name, ...] = Field(min_length=1, description="queues that customers write to, by name")
    tag_field: _Name = Field(
        default="SmartTicket", description="ticket custom field (enter multiple values) that holds the tags"
    )
    open_statuses: tuple[_Name, ...] = Field(
        default=("new", "open", "stalled"),
        description="statuses of tickets that wait for us; others are left alone",
    )
    on_reply: Literal["skip"] = Field(
        default="skip", description="RT keeps a conversation in one ticket: its first message is triaged"
    )
