"""A double of Freshdesk's API v2: stateful, with its credits, limits, paging, errors and omissions.

Forms of errors and headers are those seen in public records; every request is held against the contract
in `freshdesk_contract`, and what violates it is kept in `violations`.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.doubles.freshdesk_contract import find, is_public, violation
from tests.doubles.freshdesk_state import Account, Ticket, stamp
from tests.doubles.server import HTML, Reply, Request, Server

KEY = "s3cretKeyOfAnAgent"
LAST_PAGE = 300
BAD_KEY = {"code": "invalid_credentials", "message": "You have to be logged in to perform this action."}
TOO_FAR = "You cannot access tickets beyond the 300th page. Please provide a smaller page number."


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def invalid(field: str, message: str, code: str) -> Reply:
    """A validation error in its recorded form."""
    error = {"field": field, "message": message, "code": code}
    return Reply(400, {"description": "Validation failed", "errors": [error]})


class FreshdeskDouble(Server):
    """`limits` are calls a minute in all, of updates and of lists; None is no limit.

    `lag` says for how many seconds the list hides a ticket's change, `inclusive` what `updated_since` means,
    `ignores` are fields that an update drops silently, `longest_tag` cuts tags, `required` makes every
    update fail for a field that was not sent, `publishes` makes notes public whatever was asked,
    `accepted` counts the requests that were carried out, by method,
    `forbidden` are paths answered with 403, `before` and `after` are told of each request in turn.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        super().__init__()
        self.account = Account(self.lock, now)
        self.key = KEY
        self.limits: dict[str, int | None] = {"": None, "update": None, "list": None}
        self.lag: Callable[[Ticket], float] = lambda ticket: 0.0
        self.inclusive = True
        self.ignores: set[str] = set()
        self.longest_tag = 32
        self.required = ""
        self.publishes = False
        self.forbidden: set[str] = set()
        self.before: Callable[[Request], None] = lambda request: None
        self.after: Callable[[Request], None] = lambda request: None
        self.violations: list[str] = []
        self.public = 0
        self.credits = 0
        self.throttled = 0
        self.accepted: Counter[str] = Counter()
        self._spent: dict[tuple[str, int], int] = {}

    def handle(self, request: Request) -> Reply:
        self.before(request)
        body = request.json() if request.body else None
        if wrong := violation(request.method, request.path, request.query, body):
            self.violations.append(wrong)
        self.public += is_public(request.method, request.path, body)
        cost = self._cost(request)
        if reply := self._refusal(request, cost):
            return self._counted(reply, cost)
        self.accepted[request.method] += 1
        reply = self._answer(request, body)
        self.after(request)
        return self._counted(reply, cost)

    def _refusal(self, request: Request, cost: int) -> Reply | None:
        if wait := self._over(request, cost):
            self.throttled += 1
            return Reply(429, None, {"Retry-After": str(wait)})
        given = request.headers.get("authorization", "")
        if given != "Basic " + base64.b64encode(f"{self.key}:X".encode()).decode():
            return Reply(401, BAD_KEY)
        if any(re.fullmatch(path, request.path) for path in self.forbidden):
            return Reply(403, {"code": "access_denied", "message": "You are not authorized."})
        return None

    def _cost(self, request: Request) -> int:
        """Each include costs two more on a list, one more on a single ticket."""
        includes = [word for word in request.query.get("include", "").split(",") if word]
        each = 2 if request.path == "/api/v2/tickets" else 1
        return 1 + each * len(includes)

    def _over(self, request: Request, cost: int) -> int:
        """Seconds until the next minute when a limit is used up; failed calls count too."""
        operation = find(request.method, request.path)
        now = self.account.now()
        minute = int(now.timestamp()) // 60
        for name, weight in {"": cost, operation.endpoint if operation else "": cost}.items():
            spent = self._spent.get((name, minute), 0)
            limit = self.limits[name]
            self._spent[name, minute] = spent + (weight if name == "" else 1)
            if limit is not None and spent >= limit:
                return 60 - now.second
        return 0

    def _counted(self, reply: Reply, cost: int) -> Reply:
        self.credits += cost
        total = self.limits[""] or 100_000
        spent = self._spent.get(("", int(self.account.now().timestamp()) // 60), 0)
        headers = {
            "X-RateLimit-Total": str(total),
            "X-RateLimit-Remaining": str(max(total - spent, 0)),
            "X-RateLimit-Used-CurrentRequest": str(cost),
            "X-Freshdesk-API-Version": "current=v2; requested=v2",
        }
        return Reply(reply.status, reply.body, headers | dict(reply.headers))

    def _answer(self, request: Request, body: Any) -> Reply:
        path = request.path.removeprefix("/api/v2")
        if request.method == "GET":
            return self._read(path, request)
        if request.method == "DELETE":
            return self._delete(int(path.rpartition("/")[2]))
        match = re.fullmatch(r"/tickets/(\d+)(/\w+)?", path)
        ticket = self._existing(match[1]) if match else None
        if match is None or ticket is None:
            return Reply(404)
        if match[2] is None:
            return self._update(ticket, body)
        return self._say(ticket, body, private=match[2] == "/notes")

    def _existing(self, name: str) -> Ticket | None:
        ticket = self.account.tickets.get(int(name))
        return ticket if ticket and not ticket.deleted and ticket.id > 0 else None

    def _read(self, path: str, request: Request) -> Reply:
        account = self.account
        if path == "/tickets":
            return self._list(request)
        if match := re.fullmatch(r"/tickets/(\d+)", path):
            return self._view(match[1], request.query.get("include", "").split(","))
        if match := re.fullmatch(r"/tickets/(\d+)/conversations", path):
            ticket = self._existing(match[1])
            return Reply(404) if ticket is None else self._page(request, _said(ticket))
        me = {"id": account.agent, "type": account.agents[account.agent], "ticket_scope": account.scope}
        agents = [{"id": number, "type": kind} for number, kind in account.agents.items()]
        groups = [{"id": number, "name": name} for number, name in account.groups.items()]
        fields = [{"name": name, "label": label, "choices": []} for name, label in account.fields.items()]
        known: dict[str, Reply] = {
            "/agents/me": Reply(200, {**me, "contact": {"email": "bot@our.example", "name": "Bot"}}),
            "/agents": self._page(request, agents),
            "/groups": self._page(request, groups),
            "/ticket_fields": Reply(200, fields),
            "/search/tickets": self._search(request),
        }
        return known.get(path, Reply(404))

    def _search(self, request: Request) -> Reply:
        """The index, ten of the hits at most."""
        day = request.query.get("query", "").strip("\"'").rpartition(">'")[2]
        found = [
            t for t in self.account.tickets.values() if self._listed(t, datetime.min.replace(tzinfo=UTC))
        ]
        hits = [t for t in found if t.created.date().isoformat() > day]
        return Reply(200, {"total": len(hits), "results": [self._shown(t, []) for t in hits[:10]]})

    def _page(self, request: Request, items: list[Any]) -> Reply:
        size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        some = items[(page - 1) * size : page * size]
        more = len(items) > page * size
        link = f'<{self.url}{request.path}?page={page + 1}&per_page={size}>; rel="next"'
        return Reply(200, some, {"Link": link} if more else {})

    def _list(self, request: Request) -> Reply:
        query = request.query
        if int(query.get("page", 1)) > LAST_PAGE:
            return invalid("page", TOO_FAR, "invalid_value")
        since = moment(query["updated_since"]) if "updated_since" in query else None
        shown = [t for t in self.account.tickets.values() if self._listed(t, since)]
        by = "updated" if query.get("order_by") == "updated_at" else "created"
        shown.sort(key=lambda t: (getattr(t, by).replace(microsecond=0), t.id))
        if query.get("order_type", "desc") == "desc":
            shown.reverse()
        reply = self._page(request, shown)
        includes = query.get("include", "").split(",")
        return Reply(200, [self._shown(t, includes) for t in reply.body], reply.headers)

    def _listed(self, ticket: Ticket, since: datetime | None) -> bool:
        now = self.account.now()
        if ticket.spam or ticket.deleted or ticket.id < 0:
            return False
        if ticket.updated > now - timedelta(seconds=self.lag(ticket)):
            return False
        if since is None:
            return ticket.created > now - timedelta(days=30)
        updated = ticket.updated.replace(microsecond=0)
        return updated >= since if self.inclusive else updated > since

    def _view(self, name: str, includes: list[str]) -> Reply:
        ticket = self.account.tickets.get(int(name))
        if ticket is None or ticket.id < 0:
            return Reply(404)
        view = self._shown(ticket, [*includes, "description"]) | {"attachments": []}
        if "conversations" in includes:
            view["conversations"] = _said(ticket)[:10]
        return Reply(200, view)

    def _shown(self, ticket: Ticket, includes: list[str]) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": ticket.id,
            "subject": ticket.subject,
            "requester_id": ticket.requester,
            "responder_id": None,
            "source": ticket.source,
            "status": ticket.status,
            "priority": ticket.priority,
            "type": ticket.type,
            "tags": list(ticket.tags),
            "group_id": ticket.group,
            "spam": ticket.spam,
            "custom_fields": dict(ticket.custom),
            "cc_emails": None,
            "created_at": stamp(ticket.created),
            "updated_at": stamp(ticket.updated),
        }
        if ticket.deleted:
            view["deleted"] = True
        if "description" in includes:
            view |= {"description": ticket.description, "description_text": ticket.description}
        if "requester" in includes:
            email = self.account.email_of(ticket.requester)
            view["requester"] = {
                "id": ticket.requester,
                "name": email.partition("@")[0].title(),
                "email": email,
            }
        if "stats" in includes:
            view["stats"] = {"agent_responded_at": stamp(ticket.responded), "closed_at": None}
        return view | ticket.shown

    def _update(self, ticket: Ticket, body: dict[str, Any]) -> Reply:
        unknown = body.keys() - {"tags", "group_id", "custom_fields"}
        if unknown:
            return invalid(min(unknown), "Unexpected/invalid field in request", "invalid_field")
        if self.required:
            return invalid(self.required, "It should be one of these values", "missing_field")
        wanted = {name: value for name, value in body.items() if name not in self.ignores}
        if "tags" in wanted:
            ticket.tags = [tag[: self.longest_tag] for tag in wanted["tags"]]
        if "group_id" in wanted:
            ticket.group = wanted["group_id"]
        ticket.custom |= wanted.get("custom_fields", {})
        self.account.touch(ticket)
        return Reply(200, self._shown(ticket, ["description"]))

    def _say(self, ticket: Ticket, body: dict[str, Any], *, private: bool) -> Reply:
        hidden = private and body.get("private", True) is True and not self.publishes
        said = self.account.say(ticket.id, str(body.get("body")), private=hidden, user=self.account.agent)
        return Reply(201, said.shown())

    def _delete(self, number: int) -> Reply:
        for ticket in self.account.tickets.values():
            for said in ticket.conversations:
                if said.id == number:
                    ticket.conversations.remove(said)
                    self.account.touch(ticket)
                    return Reply(204)
        return Reply(404)


def _said(ticket: Ticket) -> list[dict[str, Any]]:
    return [conversation.shown() for conversation in ticket.conversations]


__all__ = ["HTML", "KEY", "FreshdeskDouble", "invalid"]
