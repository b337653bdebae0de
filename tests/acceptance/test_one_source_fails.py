"""One source in trouble: the others go on, it turns red by name, and recovers in the same process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.program import BILLING, PROGRAM, Desk
from tests.doubles.hour import Hour
from tests.doubles.server import HTML, Fault, Reply
from tests.doubles.zendesk import ZendeskDouble
from tests.doubles.zendesk_account import Account

PATIENCE = 60
TROUBLES = {
    "refused": Fault(Reply(401, {"error": "Couldn't authenticate you"})),
    "page": Fault(Reply(200, HTML)),
    "closed": Fault(refused=True),
    "hang": Fault(delay=600.0),
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with ZendeskDouble(Hour(datetime.now(UTC))) as double:
        double.limits["export"].total = 1000
        yield Account(double, tmp_path)


@pytest.fixture
def start(desk: Desk, account: Account) -> Iterator[Callable[..., None]]:
    """The daemon with the Maildir and the helpdesk, polled every second."""
    secret = account.secret("secret", account.double.secret)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
    started: list[subprocess.Popen[bytes]] = []

    def begin(url: str = "", trouble: Fault | None = None) -> None:
        desk.configure(
            f'[sources.acme]\nkind = "zendesk"\nurl = "{url or account.double.url}"\nclient_id = "triage"\n'
            f'client_secret_file = "{secret}"\nstart = "all"\nbudget = 1.0\ntimeout = "2s"\n'
        )
        desk.config.write_text(
            desk.config.read_text("utf-8").replace("[daemon]\n", '[daemon]\npoll_interval = "1s"\n'), "utf-8"
        )
        account.double.trouble = lambda request: trouble
        with (desk.root / "log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [PROGRAM, "run", "--config", str(desk.config)], stderr=log, stdout=log, env=clean
                )
            )

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def seen(desk: Desk, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status of the sources, as soon as it is as it should be."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done = desk.run("status", "--json")
        sources: dict[str, Any] = json.loads(done.stdout)["sources"] if done.stdout else {}
        if "acme" in sources and holds(sources):
            return sources | {"code": done.returncode}
    pytest.fail(f"not within {PATIENCE} s: {done.stdout} {done.stderr}")


def others_go_on(desk: Desk, count: int) -> None:
    """Mails that come while the helpdesk is in trouble are triaged as if it were not there."""
    already = desk.count
    for _ in range(count):
        desk.deliver("My invoice is wrong", BILLING)
    seen(desk, lambda sources: sources["desk"]["applied"] == already + count)


def first_failure(desk: Desk) -> int:
    """How many polls of the helpdesk had failed when that was first told."""
    events = map(json.loads, (desk.root / "log").read_text("utf-8").splitlines())
    return next(
        int(e["failures"]) for e in events if e["event"] == "source_failing" and e["source"] == "acme"
    )


@pytest.mark.parametrize("kind", TROUBLES)
def test_it_turns_red_while_the_others_go_on_and_recovers_without_a_restart(
    desk: Desk, account: Account, start: Callable[..., None], kind: str
) -> None:
    account.deliver("My invoice is wrong", BILLING)
    start(trouble=TROUBLES[kind])
    red = seen(desk, lambda sources: sources["acme"]["health"] == "failing")
    assert red["code"] == {"refused": 77}.get(kind, 69)
    assert red["desk"]["health"] == "ok"
    others_go_on(desk, 5)
    assert first_failure(desk) == 1
    account.double.trouble = lambda request: None
    green = seen(desk, lambda sources: sources["acme"]["applied"] == 1)
    assert (green["acme"]["health"], green["code"]) == ("ok", 0)


def test_a_host_that_has_no_address_is_red_by_name(desk: Desk, start: Callable[..., None]) -> None:
    start(url="https://acme.invalid")
    red = seen(desk, lambda sources: sources["acme"]["health"] == "failing")
    assert red["code"] == 69
    assert "acme.invalid" in red["acme"]["error"]
    others_go_on(desk, 5)


def test_trouble_after_a_good_start_is_red_within_two_polls(
    desk: Desk, account: Account, start: Callable[..., None]
) -> None:
    account.deliver("My invoice is wrong", BILLING)
    start()
    seen(desk, lambda sources: sources["acme"]["applied"] == 1)
    account.double.trouble = lambda request: TROUBLES["refused"]
    seen(desk, lambda sources: sources["acme"]["health"] == "failing")
    assert first_failure(desk) == 1
    account.double.trouble = lambda request: None
    account.deliver("My invoice is wrong", BILLING)
    seen(desk, lambda sources: sources["acme"]["applied"] == 2 and sources["acme"]["health"] == "ok")
