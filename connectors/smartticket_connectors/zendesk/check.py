"""What `check` says of a Zendesk account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from smartticket_connectors.zendesk.change import no_change
from smartticket_connectors.zendesk.desk import NOWHERE, Desk
from smartticket_connectors.zendesk.fields import Json, text
from smartticket_connectors.zendesk.settings import ZendeskSettings
from smartticket_daemon.domain import Diagnosis, Finding, Mode
from smartticket_daemon.errors import AccessDenied, ConfigurationError, SmartTicketError
from smartticket_daemon.http import Conflict, NotFound

_LIGHT_AGENT = 1
"""`role_type` of an agent who may read and comment and change nothing."""


def diagnose(desk: Desk, settings: ZendeskSettings, routes: Collection[str], stopped: str) -> Diagnosis:
    """Everything that can be said; what cannot be looked at any more is left out."""
    findings = (
        [Finding(False, stopped, "look at the ticket, then start SmartTicket again")] if stopped else []
    )
    me: list[Json] = []
    steps: list[Callable[[], Iterator[Finding]]] = [
        lambda: _sign_in(desk, settings, me),
        lambda: _reading(desk, me[0]),
        lambda: _routes(desk, routes),
        lambda: _writing(desk, settings, me[0]),
        lambda: _limits(settings),
    ]
    for step in steps:
        try:
            findings += step()
        except SmartTicketError as error:
            findings.append(Finding(False, str(error), _mend(error), error.exit_code))
            if not me:
                break
    return Diagnosis(tuple(findings))


def _mend(error: SmartTicketError) -> str:
    if isinstance(error, AccessDenied):
        return "look at the OAuth client, its scope (read write) and its agent, and at the secret's file"
    return "look at url, ca_file, and whether Zendesk can be reached from here"


def _sign_in(desk: Desk, settings: ZendeskSettings, me: list[Json]) -> Iterator[Finding]:
    try:
        me.append(desk.me())
    except NotFound:
        raise ConfigurationError(f"{desk.name}: there is no Zendesk at {settings.url}") from None
    how = "an OAuth client" if settings.client_id else "an API token"
    yield Finding(True, f"{settings.url}: signed in by {how} as {text(me[0].get('role'))}")
    if not settings.client_id:
        yield Finding(True, "API tokens stop working on 2027-04-30: make an OAuth client, set client_id")


def _reading(desk: Desk, me: Json) -> Iterator[Finding]:
    if me.get("role") == "admin":
        if not desk.may_export:  # ten requests a minute are all that Zendesk allows
            desk.export({"start_time": int(desk.now.timestamp()) - 120}, 1)
        yield Finding(True, "tickets are read by the export, a minute after they were made")
        return
    desk.listed("", 1)
    yield Finding(
        True,
        "the user is no administrator: tickets are read from the ticket list, without archived ones, "
        "and without those that this agent may not see",
    )
    if restriction := text(me.get("ticket_restriction")):
        yield Finding(True, f"this agent sees the tickets of its {restriction} only; others are not triaged")


def _routes(desk: Desk, routes: Collection[str]) -> Iterator[Finding]:
    known = {name.casefold() for name in desk.groups(fresh=True).values()} if routes else set()
    for route in sorted(routes):
        if route.casefold() in known:
            yield Finding(True, f"tickets are routed to the group {route}")
        else:
            yield Finding(False, f"there is no group {route}", "create it in Zendesk, or correct the route")


def _writing(desk: Desk, settings: ZendeskSettings, me: Json) -> Iterator[Finding]:
    if settings.mode is Mode.OBSERVE:
        return
    if me.get("role_type") == _LIGHT_AGENT:
        yield Finding(
            False, "the user is a light agent, who may not change tickets", "make it a full agent", 77
        )
        return
    if not desk.may_write:
        try:
            desk.update(NOWHERE, no_change())  # there is no such ticket: 404 where we may write, else 403
        except (NotFound, Conflict):
            desk.may_write = True
        except AccessDenied:
            mend = "give the OAuth client the scope write, and its agent the right to change tickets"
            yield Finding(False, "the user may read tickets and not change them", mend, 77)
            return
    yield Finding(True, "tags, group and an internal note are written in one request a ticket")


def _limits(settings: ZendeskSettings) -> Iterator[Finding]:
    yield Finding(True, f"at most {settings.budget:.0%} of Zendesk's rate limits are used")
    yield Finding(True, "suspended tickets are not read; a note that was written cannot be taken back")
