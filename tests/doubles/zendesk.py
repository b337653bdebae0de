"""A stateful double of Zendesk Support, with the forms of answers that were recorded from the real one."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.doubles.hour import Hour, Troubles
from tests.doubles.server import Fault, Reply, Request, Server
from tests.doubles.zendesk_contract import LIMIT, operation_of, violations
from tests.doubles.zendesk_jobs import Jobs, JobTrouble
from tests.doubles.zendesk_state import GROUPS, OURS, TICKET_FIELDS, Record, Tenant, iso

LAG = timedelta(seconds=60)
_NOT_FOUND = {"error": "RecordNotFound", "description": "Not found"}


@dataclass
class Limit:
    """A window of a minute, as the vendor counts."""

    total: int
    seconds: int = 60
    begun: float = 0.0
    used: int = 0

    def take(self, now: float) -> int | None:
        """Seconds to wait, None when allowed."""
        if now - self.begun >= self.seconds:
            self.begun, self.used = now, 0
        if self.used >= self.total:
            return max(int(self.begun + self.seconds - now + 0.999), 1)
        self.used += 1
        return None

    def header(self, now: float) -> str:
        resets = max(int(self.begun + self.seconds - now), 0)
        return f"total={self.total}; remaining={self.total - self.used}; resets={resets}"


class ZendeskDouble(Jobs, Server):
    """`role` is that of the user we sign in as; `scope` what the OAuth client may do.

    `counts` is false where Zendesk keeps no metrics, as of tickets that were imported.
    `pace` are the seconds that pass with each request, `meddle` is what people do before one takes effect.
    """

    def __init__(self, hour: Hour | None = None, updates: int = 10_000, account: int = 100_000) -> None:
        Tenant.__init__(self, hour or Hour())
        self.role, self.scope = "admin", "read write"
        self.client, self.secret = "triage", "s3cret-canary"
        self.email, self.api_token = "agent@acme.example", "t0ken-canary"
        self.tokens: dict[str, tuple[datetime, str]] = {}
        self.lifetime = 7200
        self.limits = {"account": Limit(account), "update": Limit(updates), "export": Limit(10)}
        self.ignored: set[str] = set()
        self.drops: set[str] = set()
        self.publishes = False
        self.counts = True
        self.jobs, self.job_trouble = {}, JobTrouble()
        self.writes: list[int] = []
        self.troubles = Troubles()
        self.violations: list[str] = []
        self.calls: Counter[str] = Counter()
        self.pace = 0.0
        self.meddle: Callable[[Request], None] | None = None
        Server.__init__(self)
        self.trouble = self.troubles

    def take(self, request: Request) -> Fault:
        self.hour.forward(self.pace)
        self.calls[f"{request.method} {re.sub(r'[0-9]+', 'N', request.path)}"] += 1
        if self.meddle:
            self.meddle(request)
        return super().take(request)

    def handle(self, request: Request) -> Reply:
        self.run_jobs()
        reply = self._answer(request)
        date = format_datetime(self.hour.at, usegmt=True)
        return Reply(reply.status, reply.body, {"Date": date, **reply.headers})

    def _answer(self, request: Request) -> Reply:
        if bad := violations(request):
            self.violations += bad
            return Reply(400, {"error": {"title": "Contract", "message": "; ".join(bad)}})
        name, numbers = operation_of(request) or ("", ())
        if name == "token":
            return self._token(request)
        scope = self._scope(request)
        if scope is None:
            if name == "me":
                return Reply(200, {"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})
            return Reply(401, {"error": "Couldn't authenticate you"})
        return self._limited(name) or self._do(name, numbers, request, scope)

    def _do(self, name: str, numbers: tuple[int | str, ...], request: Request, scope: str) -> Reply:
        wanted = "write" if request.method == "PUT" else "read"
        forbidden = name == "export" and self.role != "admin"
        if wanted not in scope.split() or forbidden:
            return Reply(403, {"error": "Forbidden", "description": "You do not have access to this page."})
        reply: Reply = getattr(self, f"_{name}")(request, *numbers)
        now = self.hour.monotonic()
        account = self.limits["account"]
        headers = {
            "X-Rate-Limit": str(account.total),
            "ratelimit-limit": str(account.total),
            "X-Rate-Limit-Remaining": str(account.total - account.used),
            "ratelimit-reset": str(max(int(account.begun + 60 - now), 0)),
        }
        if name == "update":
            headers["zendesk-rate-limit-tickets-update"] = self.limits["update"].header(now)
        return Reply(reply.status, reply.body, {**headers, **reply.headers})

    def _limited(self, name: str) -> Reply | None:
        now = self.hour.monotonic()
        for limit in ("account", name):
            wait = self.limits[limit].take(now) if limit in self.limits else None
            if wait is not None:
                self.calls["429"] += 1
                headers = {"Retry-After": str(wait), "Content-Type": "text/plain"}
                if limit == "update":
                    headers["zendesk-rate-limit-tickets-update"] = self.limits["update"].header(now)
                return Reply(429, b"Rate limit exceeded", headers)
        return None

    def _token(self, request: Request) -> Reply:
        body = request.json()
        if (body["client_id"], body["client_secret"]) != (self.client, self.secret):
            return Reply(401, {"error": "invalid_client", "error_description": "Client auth failed"})
        token = f"tok-{self.number()}-canary"
        self.tokens[token] = (self.hour.at + timedelta(seconds=self.lifetime), self.scope)
        return Reply(
            200,
            {"access_token": token, "token_type": "bearer", "scope": self.scope, "expires_in": self.lifetime},
        )

    def _scope(self, request: Request) -> str | None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            plain = f"{self.email}/token:{self.api_token}"
            return "read write" if base64.b64decode(value).decode() == plain else None
        until, scope = self.tokens.get(value, (self.hour.at, ""))
        return scope if self.hour.at < until else None

    def _me(self, request: Request) -> Reply:
        return Reply(200, {"user": self.users[OURS] | {"role": self.role, "role_type": None}})

    def _users(self, request: Request) -> Reply:
        found = [self.users[int(n)] for n in request.query["ids"].split(",") if int(n) in self.users]
        return Reply(200, {"users": found})

    def _groups(self, request: Request) -> Reply:
        groups = [{"id": number, "name": name} for number, name in GROUPS.items()]
        return Reply(200, {"groups": groups, "meta": {"has_more": False}})

    def _people(self, records: list[Record]) -> list[dict[str, Any]]:
        ids = {number for record in records for number in (record.requester, record.submitter)}
        return [self.users[number] for number in sorted(ids)]

    def _export(self, request: Request) -> Reply:
        after = (int(request.query.get("start_time", 0)), -1)
        if "start_time" in request.query and after[0] > (self.hour.at - LAG).timestamp():
            return Reply(422, {"error": "StartTimeTooRecent", "description": "must be 60 s in the past"})
        if "cursor" in request.query:
            try:
                after = tuple(json.loads(base64.b64decode(request.query["cursor"])))
            except ValueError:
                return Reply(400, {"error": "InvalidCursor", "description": "cursor is invalid"})
        old = (r for r in self.tickets.values() if r.generated <= self.hour.at - LAG)
        rows = sorted(((int(r.generated.timestamp()), r.id), r) for r in old)
        kept = [row for row in rows if row[0] > after and row[1].status != "deleted"]
        page = kept[: int(request.query["per_page"])]
        last = page[-1][0] if page else after
        cursor = base64.b64encode(json.dumps(last).encode()).decode()
        records = [record for _, record in page]
        body = {
            "tickets": [record.shown(self.url) for record in records],
            "users": self._people(records),
            "after_cursor": cursor,
            "after_url": f"https://elsewhere.example/api/v2/incremental/tickets/cursor?cursor={cursor}",
            "before_cursor": None,
            "end_of_stream": len(page) == len(kept),
        }
        return Reply(200, body)

    def _list(self, request: Request) -> Reply:
        sort, after = request.query["sort"], request.query.get("page[after]", "")
        if after and not re.fullmatch(rf"{sort}:\d+", after):
            return Reply(400, {"error": "InvalidPaginationParameter", "description": "after"})
        passed = int(after.rpartition(":")[2]) if after else None
        kept = sorted(self._listed(), key=lambda r: r.id, reverse=sort == "-id")
        if passed is not None:
            kept = [r for r in kept if (r.id < passed if sort == "-id" else r.id > passed)]
        page = kept[: int(request.query["page[size]"])]
        meta = {"has_more": len(page) < len(kept), "after_cursor": f"{sort}:{page[-1].id}" if page else None}
        return Reply(200, {**self._sheet(page, request), "meta": meta})

    def _listed(self) -> list[Record]:
        return [r for r in self.tickets.values() if r.status != "deleted" and not r.archived]

    def _sheet(self, records: list[Record], request: Request) -> dict[str, Any]:
        """Tickets, and beside them what was asked for."""
        include = request.query.get("include", "").split(",")
        sheet: dict[str, Any] = {"tickets": [record.shown(self.url) for record in records]}
        if "users" in include:
            sheet["users"] = self._people(records)
        if "metric_sets" in include and self.counts:
            sheet["metric_sets"] = [self.metric_set(record) for record in records]
        return sheet

    def _count(self, request: Request) -> Reply:
        return Reply(200, {"count": {"value": len(self._listed()), "refreshed_at": iso(self.hour.at)}})

    def _search_count(self, request: Request) -> Reply:
        since = request.query["query"].removeprefix("type:ticket created>=")
        return Reply(200, {"count": sum(iso(r.created) >= since for r in self._listed())})

    def _ticket_fields(self, request: Request) -> Reply:
        return Reply(200, {"ticket_fields": TICKET_FIELDS, "meta": {"has_more": False}})

    def _show_many(self, request: Request) -> Reply:
        ids = [int(number) for number in request.query["ids"].split(",")]
        found = [self.tickets[n] for n in ids if n in self.tickets and self.tickets[n].status != "deleted"]
        return Reply(200, {**self._sheet(found, request), "count": len(found)})

    def _ticket(self, request: Request, number: int) -> Reply:
        record = self.tickets.get(number)
        if record is None or record.status == "deleted":
            return Reply(404, _NOT_FOUND)
        return Reply(200, {"ticket": record.shown(self.url), "users": self._people([record])})

    def _audits(self, request: Request, number: int) -> Reply:
        record = self.tickets.get(number)
        if record is None or record.status == "deleted":
            return Reply(404, _NOT_FOUND)
        size, start = int(request.query["page[size]"]), int(request.query.get("page[after]", "0"))
        page = record.audits[start : start + size]
        meta = {"has_more": start + size < len(record.audits), "after_cursor": str(start + size)}
        return Reply(200, {"audits": page, "meta": meta, "links": {"next": "https://elsewhere.example/"}})

    def _update(self, request: Request, number: int) -> Reply:
        record, asked = self.tickets.get(number), request.json()["ticket"]
        if record is None or record.status == "deleted":
            return Reply(404, _NOT_FOUND)
        if record.status == "closed":
            details = {"status": [{"description": "Status: closed prevents ticket update"}]}
            body = {"error": "RecordInvalid", "description": "Record validation errors", "details": details}
            return Reply(422, body)
        if asked.get("safe_update") and asked.get("updated_stamp") != iso(record.updated):
            return Reply(409, {"error": "UpdateConflict", "description": "changed"})
        self.writes.append(number)
        kept = {name: value for name, value in asked.items() if name not in self.ignored}
        audit = self._carry_out(record, kept)
        headers = {}
        if dropped := sorted(self.ignored & asked.keys()):
            names = ", ".join(f'"ticket.{name}"' for name in dropped)
            headers["X-Zendesk-API-Warn"] = (
                '{:allowed_parameters=>{:controller=>"tickets", :action=>"update", '
                f":unpermitted_keys=>[{names}], :invalid_values=>[]}}}}"
            )
        return Reply(200, {"ticket": record.shown(self.url), "audit": audit}, headers)

    def _carry_out(self, record: Record, asked: dict[str, Any]) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        if "tags" in asked:
            words = {tag.lower() for entry in asked["tags"] for tag in entry.split()}
            before, record.tags = record.tags, sorted(words - self.drops)
            events.append(self.tags_changed(before, record.tags))
        if "group_id" in asked:
            record.group = asked["group_id"]
            events.append({"id": self.number(), "type": "Change", "field_name": "group_id"})
        if "comment" in asked:
            html = asked["comment"]["html_body"].encode()[:LIMIT].decode(errors="ignore")
            html = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "EXPANDED", html)
            events.append(self.comment(OURS, html, public=self.publishes or asked["comment"]["public"]))
        return self.audit(record, OURS, events, asked.get("metadata"))

    def _make_private(self, request: Request, ticket: int, comment: int) -> Reply:
        for event in self.notes(ticket):
            if event["id"] == comment:
                event["public"] = False
                return Reply(200, {})
        return Reply(404, _NOT_FOUND)
