"""Customers who attack through subject, name and text, and what an agent's note may hold all the same."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from smartticket_daemon import logs
from smartticket_daemon.domain import Prediction
from smartticket_daemon.pipeline import Source
from smartticket_daemon.polling import poll
from smartticket_daemon.replies import Replies
from tests.desk import CATEGORIES, Desk, WordClassifier
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_bench import Bench
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account
from tests.markup import Tags

CANARY = "cAnArY"
SUM = "77762223"
"""What 7777*9999 comes to: it stands in no attack, so a note that holds it holds something evaluated."""
ALLOWED = frozenset({"p", "br", "small"})
TEMPLATE = 'Hello {{ first_name }},\n\nabout your message "{{ subject }}": we look into it.\n'

ATTACKS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "<!--", "-->",
    "</p><iframe src=//evil.example>", "<a href='javascript:alert(1)'>pay</a>", "<![CDATA[", "]]>",
    "<base href=//evil.example>", "<math><mi//xlink:href='data:x,y'>", "<style>*{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;b onclick=x&#62;", "<p onclick=x>",
    "<table background=x>", "{{ 7777*9999 }}", "{{7777*9999}}", "{% if 1 %}x{% endif %}",
    "{{ticket.requester.email}}", "{{%", "{\n{7777*9999}}", "{\u200b{7777*9999}}", "{\x00{7777*9999}}",
    "${7777*9999}", "#{7777*9999}", "<%= 7777*9999 %>", "</small>", "{{ self.__init__.__globals__ }}",
    "{{ ''.__class__.__mro__ }}", "%s%n%x", "$(id)", "`id`", "; DROP TABLE messages; --", "' OR 1=1 --",
    "\r\nBcc: all@customer.example", "\nX-Header: y", "\r\n\r\nHTTP/1.1 200 OK", "\n.\nQUIT",
    '\n{"event": "forged", "level": "error"}', '","event":"forged', "\\u0000", "\\", "\u2028", "\u2029",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\x08\x08\x08", "\x7f", "\u202egnp.exe",
    "\u2066x\u2069", "\ufffe", "\ufeff", "a\x00b", "\U000e0041", "Z̵̢a̴lgo", "=cmd|' /C calc'!A0",
    "@SUM(1+1)", "smartticket key=00000000000000000000000000000000 tag=vip",
    "<small>smartticket key=0</small>",
)  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """One hostile customer's message."""

    subject: str
    name: str
    body: str


def attacks(count: int, seed: int) -> Iterator[Attack]:
    """Every attack alone in each place first, then mixtures."""
    dice = random.Random(seed)
    for attack in ATTACKS[:count]:
        yield Attack(f"{CANARY} {attack}", attack, f"{CANARY} {attack}")
    for _ in range(count - len(ATTACKS)):
        yield Attack(*(_mixture(dice) for _ in range(3)))


def _mixture(dice: random.Random) -> str:
    parts = [CANARY, *dice.choices(ATTACKS, k=dice.randint(1, 5))]
    dice.shuffle(parts)
    text = dice.choice(("", " ", "\n", "x")).join(parts)
    return text[: dice.randint(1, len(text))] if dice.random() < 0.3 else text


class Sure(WordClassifier):
    """Takes every message for billing."""

    def predict_many(self, pairs: Any) -> list[Prediction]:
        probabilities = {name: 1.0 if name == "billing" else 0.0 for name in CATEGORIES}
        return [Prediction("billing", 1.0, probabilities, {"billing": 0.8}) for _ in pairs]


@dataclass
class Outcome:
    """What became of all: how many notes stood, and everything that is wrong, by kind."""

    messages: int = 0
    notes: int = 0
    log_lines: int = 0
    wrong: list[str] = field(default_factory=list)


def through(service: str, count: int, seed: int, folder: Path) -> Outcome:
    """Send `count` attacks through one helpdesk's double and the whole pipeline, and look at what stands."""
    (folder / "replies" / "en").mkdir(parents=True)
    (folder / "replies" / "en" / "billing.txt").write_text(TEMPLATE, "utf-8")
    heard = io.StringIO()
    outcome = Outcome(count)
    with ExitStack() as stack:
        stack.callback(structlog.reset_defaults)
        logs.configure(verbose=True, colours=False, stream=heard)
        notes = _SERVICES[service](list(attacks(count, seed)), folder, stack)
    outcome.notes = len(notes)
    for note in notes:
        outcome.wrong += wrong_in(note)
    for line in heard.getvalue().split("\n")[:-1]:
        outcome.log_lines += 1
        outcome.wrong += _wrong_line(line)
    return outcome


def wrong_in(note: str) -> list[str]:
    """What a note holds that it must not."""
    parser = Tags(note)
    wrong = [f"the tag {tag}" for tag in parser.tags - ALLOWED]
    wrong += [f"the attribute {name}" for name in parser.attributes]
    if "EXPANDED" in note or SUM in note:
        wrong.append("something evaluated")
    if re.search(r"\{\s*[{%]", parser.text):
        wrong.append("a placeholder")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", parser.text):
        wrong.append("a control character")
    return wrong


def _wrong_line(line: str) -> list[str]:
    try:
        event = json.loads(line)
    except ValueError:
        return ["a log line that is not JSON"]
    wrong = ["a forged event"] if event["event"] == "forged" else []
    return [*wrong, "a customer's text in the log"] if CANARY in line else wrong


def _polled(desk: Desk, connector: Any, folder: Path, rounds: int) -> None:
    """Poll until all that arrived is done, the clock going on past limits."""
    desk.classifier = Sure()
    source = desk.source(connector=connector)
    source = replace(source, judge=replace(source.judge, replies=Replies([folder / "replies"])))
    for _ in range(rounds):
        poll(source)
        desk.clock.forward(seconds=90)
        if _done(desk, source):
            return
    raise AssertionError(f"not done after {rounds} rounds: {desk.ledger()}")


def _done(desk: Desk, source: Source) -> bool:
    ledger = desk.ledger()
    return ledger.get("seen", 0) > 0 and not ledger.get("pending") and poll(source) == 0


def _zendesk(messages: list[Attack], folder: Path, stack: ExitStack) -> list[str]:
    double = stack.enter_context(ZendeskDouble())
    double.limits["export"].total = 100_000
    account, desk = Account(double, folder, step=0), Desk(folder)
    for number, attack in enumerate(messages):
        ticket = double.create(attack.subject, attack.body, f"c{number}@customer.example")
        double.users[double.tickets[ticket].requester]["name"] = attack.name
    double.hour.forward(timedelta(minutes=5).total_seconds())
    desk.clock.now = double.hour.at
    _polled(desk, account.connect(batch=100), folder, 60)
    return [str(note["html_body"]) for ticket in double.tickets for note in double.notes(ticket)]


def _freshdesk(messages: list[Attack], folder: Path, stack: ExitStack) -> list[str]:
    clock = Desk(folder / "clock").clock
    double = stack.enter_context(FreshdeskDouble(clock))
    bench = Bench(double, clock, folder)
    for number, attack in enumerate(messages):
        double.account.deliver(attack.subject, attack.body, f"c{number}@customer.example")
        clock.forward(seconds=1)
    clock.forward(minutes=5)
    _polled(bench.desk, bench.connector(), folder, 60)
    tickets = double.account.tickets.values()
    return [said.body for ticket in tickets for said in ticket.conversations]


_SERVICES = {"zendesk": _zendesk, "freshdesk": _freshdesk}
