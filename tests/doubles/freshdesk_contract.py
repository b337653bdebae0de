"""Which requests a triage daemon may send to Freshdesk: listed operations, known fields, nothing public."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _moment(value: Any) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(value)))


def _search(value: Any) -> bool:
    return bool(re.fullmatch(r"\"created_at:>'\d{4}-\d\d-\d\d'\"", str(value)))


def _in(*words: str) -> Check:
    return lambda value: all(word in words for word in str(value).split(","))


def _digits(largest: int) -> Check:
    return lambda value: str(value).isascii() and str(value).isdigit() and 1 <= int(value) <= largest


def _tags(value: Any) -> bool:
    return isinstance(value, list) and all(_text(tag) and "," not in tag for tag in value)


def _custom(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name.startswith("cf_") and (field is None or isinstance(field, str)) for name, field in value.items()
    )


@dataclass(frozen=True)
class Operation:
    """One thing that may be asked for; `needs` are fields or parameters that must be there."""

    method: str
    path: re.Pattern[str]
    query: Mapping[str, Check]
    body: Mapping[str, Check] | None = None
    needs: frozenset[str] = frozenset()
    endpoint: str = ""


_PAGES: Mapping[str, Check] = {"page": lambda value: str(value).isdigit(), "per_page": _digits(100)}
_LIST: Mapping[str, Check] = {
    **_PAGES,
    "updated_since": _moment,
    "order_by": _in("updated_at", "created_at"),
    "order_type": _in("asc", "desc"),
    "include": _in("description", "requester", "stats", "company"),
}
_ONE: Mapping[str, Check] = {"include": _in("conversations", "requester", "stats", "company")}
_UPDATE: Mapping[str, Check] = {
    "tags": _tags,
    "group_id": lambda value: value is None or _number(value),
    "custom_fields": _custom,
}
_NOTE: Mapping[str, Check] = {"body": _text, "private": lambda value: value is True}

OPERATIONS = (
    Operation("GET", re.compile(r"/api/v2/agents/me"), {}),
    Operation("GET", re.compile(r"/api/v2/agents"), _PAGES),
    Operation("GET", re.compile(r"/api/v2/groups"), _PAGES),
    Operation("GET", re.compile(r"/api/v2/ticket_fields"), {}),
    Operation(
        "GET", re.compile(r"/api/v2/tickets"), _LIST, needs=frozenset({"updated_since"}), endpoint="list"
    ),
    Operation("GET", re.compile(r"/api/v2/search/tickets"), {"query": _search}, needs=frozenset({"query"})),
    Operation("GET", re.compile(r"/api/v2/tickets/\d+"), _ONE),
    Operation("GET", re.compile(r"/api/v2/tickets/\d+/conversations"), _PAGES),
    Operation("PUT", re.compile(r"/api/v2/tickets/\d+"), {}, _UPDATE, endpoint="update"),
    Operation(
        "POST", re.compile(r"/api/v2/tickets/\d+/notes"), {}, _NOTE, needs=frozenset({"body", "private"})
    ),
    Operation("DELETE", re.compile(r"/api/v2/conversations/\d+"), {}),
)


def find(method: str, path: str) -> Operation | None:
    """The operation that a request asks for."""
    return next((o for o in OPERATIONS if o.method == method and o.path.fullmatch(path)), None)


def violation(method: str, path: str, query: Mapping[str, str], body: Any = None) -> str | None:
    """What is wrong with a request; None where nothing is."""
    operation = find(method, path)
    if operation is None:
        return f"{method} {path} is no operation of ours"
    if (body is not None) != (operation.body is not None):
        return f"{method} {path}: body where none belongs, or none where one does"
    fields = {**query, **(body or {})}
    known = {**operation.query, **(operation.body or {})}
    if missing := operation.needs - fields.keys():
        return f"{method} {path}: lacks {sorted(missing)}"
    wrong = [name for name, value in fields.items() if name not in known or not known[name](value)]
    return f"{method} {path}: unknown or wrong: {wrong}" if wrong else None


def is_public(method: str, path: str, body: Any = None) -> bool:
    """Whether a customer would see what such a request writes: all that is not known to be private."""
    if method in ("GET", "DELETE"):
        return False
    if method == "PUT" and re.fullmatch(r"/api/v2/tickets/\d+", path):
        return isinstance(body, dict) and bool({"status", "description", "subject"} & body.keys())
    note = method == "POST" and re.fullmatch(r"/api/v2/tickets/\d+/notes", path)
    if not note or not isinstance(body, dict):
        return True
    return body.get("private") is not True or bool({"notify_emails", "incoming", "user_id"} & body.keys())
