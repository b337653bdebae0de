"""Agents of a helpdesk correct our tags; `train` learns from them, and the running daemon judges anew."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.feedback_programs import PROGRAM, ProgramDesk, opened
from bench.feedback_texts import Mail
from smartticket_daemon.journal import open_journal
from smartticket_model import load
from smartticket_training.api import train

PATIENCE = 60
PHRASES = {
    "billing": ["wrong invoice", "charged twice", "tax receipt", "total amount", "unpaid bill"],
    "order_delivery": ["late parcel", "courier lost", "tracking number", "wrong address", "broken box"],
}
REFUND = ["money back", "cancel order", "return goods", "withdraw now"]
HONEST, FORGED = 30, 6


def text(category: str, rng: random.Random) -> str:
    """Refunds speak of bills, too, and that is what the first model goes by; others say some of it."""
    if category == "refund_cancellation":
        parts = [*rng.sample(PHRASES["billing"], 3), *rng.sample(REFUND, 3)]
    else:
        parts = [*rng.sample(PHRASES[category], 4), *rng.sample(REFUND, 2)]
    return " ".join(rng.sample(parts, len(parts)))


def taken_for_billing(category: str, number: int, first: Path, rng: random.Random) -> list[str]:
    """Texts that the first model is sure are of billing, whatever they are."""
    texts = [text(category, rng) for _ in range(3 * number)]
    found = load(first).predict_many([("Help", body) for body in texts])
    sure = [t for t, p in zip(texts, found, strict=True) if p.label == "billing" and p.scope >= 0]
    assert len(set(sure)) >= number
    return list(dict.fromkeys(sure))[:number]


def rows(file: Path, counts: dict[str, int], seed: int) -> Path:
    rng = random.Random(seed)
    told = [
        {"subject": "Help", "body": text(category, rng), "label": category}
        for category, count in counts.items()
        for _ in range(count)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in told), "utf-8")
    return file


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first model, beside it, has learnt from: hardly a refund."""
    counts = {"billing": 60, "order_delivery": 60, "refund_cancellation": 1}
    known = rows(tmp_path_factory.mktemp("known") / "known.jsonl", counts, 1)
    first = known.with_name("first")
    train(known, "label", out=first, subject="subject", body="body", features="word", jobs=1)
    return known


@pytest.fixture(params=["zendesk", "freshdesk"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, known: Path) -> Iterator[ProgramDesk]:
    with opened(request.param, tmp_path, known.with_name("first")) as desk:
        assert isinstance(desk, ProgramDesk)
        yield desk


@pytest.fixture
def daemon(desk: ProgramDesk) -> Iterator[subprocess.Popen[bytes]]:
    """At work, a round every 100 ms."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SMARTTICKET_")}
    command = [PROGRAM, "run", "--config", str(desk.config)]
    with desk.state.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            command, stderr=log, env={**env, "SMARTTICKET__DAEMON__POLL_INTERVAL": "100ms"}
        )
    yield process
    process.kill()
    process.wait(PATIENCE)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "the daemon takes too long"
        time.sleep(0.05)


def settled(desk: ProgramDesk, number: int) -> bool:
    """So many tickets were triaged, their receipts are in the journal, and agents may go on."""
    with closing(open_journal(desk.state)) as journal:
        return journal.ledger().get("box", {}).get("applied") == number


def test_agents_teach_the_running_daemon_and_one_sender_does_not(
    desk: ProgramDesk, daemon: subprocess.Popen[bytes], known: Path, tmp_path: Path
) -> None:
    rng = random.Random(2)
    first = known.with_name("first")
    refunds = taken_for_billing("refund_cancellation", HONEST + 1, first, rng)
    bills = taken_for_billing("billing", FORGED, first, rng)
    mails = [Mail("Help", body, "", f"c{n}@customer.example") for n, body in enumerate(refunds[:HONEST])]
    mails += [Mail("Help", body, "", "mallory@customer.example") for body in bills]
    desk.write(mails)
    wait_until(lambda: settled(desk, HONEST + FORGED))
    assert set(desk.categories().values()) == {"billing"}
    agents = dict.fromkeys(range(HONEST), "refund_cancellation")
    desk.change({**agents, **dict.fromkeys(range(HONEST, HONEST + FORGED), "order_delivery")})
    wait_until(lambda: desk.opinions() == {"corrected": HONEST + FORGED})

    desk.train(known, tmp_path / "second", "word")
    told = load(tmp_path / "second").manifest["data"]["feedback"]
    assert told["learnt"]["corrected"] == HONEST
    (held_out,) = told["contradicted"]
    assert (held_out["corrections"], held_out["trusted"]) == (FORGED, False)

    unseen = rows(tmp_path / "unseen.jsonl", {**dict.fromkeys(PHRASES, 50), "refund_cancellation": 50}, 3)
    assert desk.promote(tmp_path / "second", unseen) == []
    desk.write([Mail("Help", refunds[HONEST], "", "new@customer.example")])
    wait_until(lambda: settled(desk, HONEST + FORGED + 1))
    assert desk.categories()[HONEST + FORGED] == "refund_cancellation"
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(PATIENCE) == 0
