"""What `check` says of a Freshdesk account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Any

from smartticket_connectors.freshdesk.api import Api
from smartticket_connectors.freshdesk.groups import Groups
from smartticket_connectors.freshdesk.settings import FreshdeskSettings
from smartticket_daemon.domain import Diagnosis, Finding
from smartticket_daemon.errors import AccessDenied, SmartTicketError
from smartticket_daemon.http.limits import ACCOUNT, announced

_SCOPES = {1: "all tickets", 2: "the tickets of its groups only", 3: "the tickets assigned to it only"}


def diagnose(
    api: Api, settings: FreshdeskSettings, groups: Groups, routes: Collection[str], stopped: str
) -> Diagnosis:
    """Everything that can be said in one visit; what cannot be looked at any more is left out."""
    findings: list[Finding] = []
    if stopped:
        findings.append(Finding(False, stopped, "find out why, then start the daemon again"))
    steps: list[Callable[[], Iterator[Finding]]] = [
        lambda: _sign_in(api, settings),
        lambda: _tickets(api),
        lambda: _routes(groups, routes),
        lambda: _field(api, settings.category_field),
    ]
    for step in steps:
        try:
            findings += step()
        except SmartTicketError as error:
            findings.append(Finding(False, str(error), _mend(error), error.exit_code))
            if step is steps[0]:
                break
    return Diagnosis(tuple(findings))


def _mend(error: SmartTicketError) -> str:
    if isinstance(error, AccessDenied):
        return "look at api_key_file, and at the role of the agent whose key it is"
    return "look at url, ca_file and api_key_file"


def _sign_in(api: Api, settings: FreshdeskSettings) -> Iterator[Finding]:
    answer = api.me()
    me = answer.json()
    yield Finding(True, f"{api.session.base.host}: signed in as agent {me.get('id')}")
    yield _role(me)
    if scope := _SCOPES.get(me.get("ticket_scope", 0)):
        yield Finding(True, f"the agent sees {scope}")
    limit = announced(answer.headers).limits.get(ACCOUNT)
    if limit and limit.total:
        share = f"{settings.budget * 100:.0f} %"
        yield Finding(True, f"the account allows {limit.total} requests a minute; we use up to {share}")
    else:
        yield Finding(True, "the account does not say how many requests it allows")


def _role(me: dict[str, Any]) -> Finding:
    kind = str(me.get("type") or "support_agent")
    if kind == "support_agent":
        return Finding(True, "the key is an agent's; whether it may edit tickets shows at the first one")
    return Finding(
        False,
        "the key is not a support agent's: it cannot set tags and groups",
        "make the agent a full support agent, with the right to edit tickets and add notes",
        AccessDenied.exit_code,
    )


def _tickets(api: Api) -> Iterator[Finding]:
    api.tickets(api.session.clock.now() - timedelta(days=1), 1, 1)
    yield Finding(True, "tickets can be listed")


def _routes(groups: Groups, routes: Collection[str]) -> Iterator[Finding]:
    for route in sorted(routes):
        if groups.number(route) is not None:
            yield Finding(True, f"tickets are routed to the group {route}")
        else:
            yield Finding(False, f"there is no group {route}", "create it, or correct the category's route")


def _field(api: Api, field: str | None) -> Iterator[Finding]:
    if field is None:
        yield Finding(True, "categories become tags")
        return
    names = {str(f.get("name")) for f in api.ticket_fields() if isinstance(f, dict)}
    if field in names:
        yield Finding(True, f"categories are written to the field {field}; tags are left alone")
    else:
        yield Finding(False, f"tickets have no field {field}", "create it, or correct category_field")
