"""What a harness gives to ConnectorContract: people at the service, and eyes of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from smartticket_daemon.ports import Connector
from smartticket_daemon.source_settings import SourceSettings


@dataclass(frozen=True, slots=True)
class Sight:
    """What stands at the remote for one ticket. `marks` is all else that reading could disturb (\\Seen)."""

    exists: bool
    tags: frozenset[str] = frozenset()
    group: str | None = None
    notes: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()


class Remote(Protocol):
    """The harness of one service. A ticket's name is what `MessageRef.ticket` will be.

    `can` names what people can do at this kind of service: "close", "answer", "decide" (set a category
    tag of ours), "retract" (a note can be taken back). `groups` are two places to route to.
    """

    connector: type[Connector]
    can: frozenset[str]
    groups: tuple[str, str]

    def settings(self, start: str = "all") -> SourceSettings:
        """Right settings; where the connector has a batch size, a small one."""
        ...

    def wrong_settings(self) -> SourceSettings:
        """The same with wrong credentials (or, without credentials, with a wrong place)."""
        ...

    def deliver(self, subject: str, body: str, sender: str = "ann@customer.example") -> str:
        """A customer writes a first message; returns the ticket."""
        ...

    def look(self, ticket: str) -> Sight:
        """What stands there now."""
        ...

    def public(self) -> int:
        """How many things were ever written that a customer can see."""
        ...

    def agent_tags(self, ticket: str, *tags: str) -> None:
        """A person adds tags."""
        ...

    def agent_routes(self, ticket: str, group: str) -> None:
        """A person moves the ticket."""
        ...

    def agent_closes(self, ticket: str) -> None:
        """A person ends the conversation."""
        ...

    def agent_answers(self, ticket: str) -> None:
        """A person answers the customer."""
        ...

    def delete(self, ticket: str) -> None:
        """The ticket is gone."""
        ...


Connect = Callable[..., Any]
"""`connect(start)` makes a connector to the harness's service."""
