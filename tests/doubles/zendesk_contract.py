"""Which requests Zendesk knows, with which parameters and fields; everything else is a violation.

Drawn from the public description of the Ticketing API, cut to what a triage may need. A public comment is
a violation wherever it stands, and so is every operation that is not listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.server import Request

LIMIT = 64 * 1024


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    query: frozenset[str] = frozenset()
    body: dict[str, Any] = field(default_factory=dict)

    def fits(self, request: Request) -> re.Match[str] | None:
        return re.fullmatch(self.path, request.path) if request.method == self.method else None


PAGED = frozenset({"page[size]", "page[after]"})
COMMENT = {"html_body": str, "public": bool}
TICKET = {
    "tags": list,
    "group_id": (int, type(None)),
    "comment": COMMENT,
    "metadata": dict,
    "safe_update": bool,
    "updated_stamp": str,
}
TOKEN = {"grant_type": str, "client_id": str, "client_secret": str, "scope": str, "expires_in": int}

OPERATIONS = {
    "token": Operation("POST", "/oauth/tokens", body=TOKEN),
    "me": Operation("GET", "/api/v2/users/me"),
    "users": Operation("GET", "/api/v2/users/show_many", frozenset({"ids"})),
    "groups": Operation("GET", "/api/v2/groups", PAGED),
    "export": Operation(
        "GET",
        "/api/v2/incremental/tickets/cursor",
        frozenset({"start_time", "cursor", "per_page", "include", "exclude_deleted"}),
    ),
    "list": Operation("GET", "/api/v2/tickets", PAGED | {"sort", "include"}),
    "count": Operation("GET", "/api/v2/tickets/count"),
    "search_count": Operation("GET", "/api/v2/search/count", frozenset({"query"})),
    "ticket_fields": Operation("GET", "/api/v2/ticket_fields", PAGED),
    "show_many": Operation("GET", "/api/v2/tickets/show_many", frozenset({"ids", "include"})),
    "update_many": Operation(
        "PUT", "/api/v2/tickets/update_many", frozenset({"ids"}), {"ticket": {"additional_tags": list}}
    ),
    "job": Operation("GET", r"/api/v2/job_statuses/(V3-[0-9a-f]+)"),
    "ticket": Operation("GET", r"/api/v2/tickets/(\d+)", frozenset({"include"})),
    "audits": Operation("GET", r"/api/v2/tickets/(\d+)/audits", PAGED),
    "update": Operation("PUT", r"/api/v2/tickets/(\d+)", body={"ticket": TICKET}),
    "make_private": Operation("PUT", r"/api/v2/tickets/(\d+)/comments/(\d+)/make_private"),
}


def operation_of(request: Request) -> tuple[str, tuple[int | str, ...]] | None:
    """The operation's name, and the numbers or the job in its path."""
    for name, operation in OPERATIONS.items():
        if match := operation.fits(request):
            return name, tuple(int(word) if word.isdigit() else word for word in match.groups())
    return None


def violations(request: Request) -> list[str]:
    """Everything in which a request breaks the contract."""
    found = operation_of(request)
    if found is None:
        return [f"unlisted operation {request.method} {request.path}"]
    operation = OPERATIONS[found[0]]
    bad = [f"unknown parameter {name}" for name in request.query.keys() - operation.query]
    if request.headers.get("accept") != "application/json":
        bad.append("no Accept header")
    if request.method != "GET" and request.headers.get("content-type") != "application/json":
        bad.append("no Content-Type header")
    body = request.json() if request.body else {}
    bad += _misfits(body, operation.body, "")
    comment = body.get("ticket", {}).get("comment")
    if comment is not None:
        if comment.get("public") is not False:
            bad.append("a public comment")
        if len(str(comment.get("html_body")).encode()) > LIMIT:
            bad.append("a comment that would be cut")
    return bad


def _misfits(value: Any, schema: Any, at: str) -> list[str]:
    if not isinstance(schema, dict):
        return [] if isinstance(value, schema) else [f"{at}: {type(value).__name__}"]
    if not isinstance(value, dict):
        return [f"{at}: not an object"]
    bad = [f"unknown field {at}.{name}" for name in value.keys() - schema.keys()]
    for name in value.keys() & schema.keys():
        bad += _misfits(value[name], schema[name], f"{at}.{name}")
    return bad
