"""A training file and an assessment by the real program: on a Maildir and on the double of Zendesk."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smartticket_training.corpus import load_corpus
from tests.acceptance.program import BILLING, PROGRAM, Desk, run
from tests.acceptance.test_backfill import OnDovecot
from tests.doubles.hour import Hour
from tests.doubles.server import Request
from tests.doubles.zendesk import ZendeskDouble
from tests.servers.mailserver import Server

pytest_plugins = ["tests.servers.fixtures"]
PATIENCE = 60.0
COUNT = 60
TRAINS = "--label label --subject subject --body body --group group --time created"
CANARY = "canary-7f3a"


class Account:
    """A Zendesk with solved tickets of three categories in it, and the settings of a source."""

    def __init__(self, double: ZendeskDouble, root: Path) -> None:
        self.double = double
        self.root = root
        self.config = root / "smartticket.toml"
        (root / "secret").write_text(double.secret)
        source = {"kind": "zendesk", "url": double.url, "client_id": double.client, "batch": 10}
        source["client_secret_file"] = str(root / "secret")
        lines = [f"{key} = {json.dumps(value)}" for key, value in source.items()]
        state = f'[daemon]\nstate_dir = "{root / "state"}"'
        self.config.write_text("\n".join([state, "[sources.acme]", *lines]))

    def fill(self) -> None:
        """Each text in the category it was written for, but a few that agents filed elsewhere."""
        wanted = ("billing", "technical_issue", "order_delivery")
        texts = [text for text in load_corpus() if text.language == "en" and text.category in wanted]
        for number, text in enumerate(texts[:: len(texts) // COUNT][:COUNT]):
            tag = "category__billing" if number % 20 == 7 else f"category__{text.category}"
            subject = f"{text.subject} {CANARY} <b>{number}</b>"
            sender = f"c{number % 17}@customer.example"
            self.double.create(subject, text.body, sender, status="closed", tags=[tag, "vip"])
            self.double.hour.forward(600)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run(*arguments, "--config", self.config)

    def killed(self, file: Path, page: int) -> None:
        """A pull that is killed while that page of its own is on its way."""
        pages = 0

        def strike(request: Request) -> None:
            nonlocal pages
            pages += request.path == "/api/v2/tickets"
            if pages == page:
                process.kill()

        command = [PROGRAM, "history", "pull", "acme", "--out", str(file), "--config", str(self.config)]
        self.double.meddle = strike
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert process.wait(PATIENCE) == -signal.SIGKILL
        self.double.meddle = None

    def untouched(self) -> bool:
        """Nothing was written there, and nothing here but what was asked for."""
        calls = [call for call in self.double.calls if not call.startswith("GET ")]
        return calls in ([], ["POST /oauth/tokens"]) and not self.double.writes and not self.state.exists()

    @property
    def state(self) -> Path:
        return self.root / "state"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with ZendeskDouble(Hour(datetime.now(UTC) - timedelta(days=2))) as double:
        account = Account(double, tmp_path)
        account.fill()
        double.hour.at = datetime.now(UTC)
        yield account
        assert double.errors == []
        assert double.violations == []


def rows(file: Path) -> list[dict[str, str]]:
    data = file.read_bytes()
    return [
        json.loads(line) for line in (gzip.decompress(data) if file.suffix == ".gz" else data).splitlines()
    ]


def test_killed_in_the_middle_again_and_again_the_file_is_the_same(account: Account) -> None:
    whole, broken = account.root / "whole.jsonl.gz", account.root / "broken.jsonl.gz"
    assert account.run("history", "pull", "acme", "--out", whole).returncode == 0
    for page in (3, 2):
        account.killed(broken, page)
    assert 0 < len(rows(broken)) < COUNT
    done = account.run("history", "pull", "acme", "--out", broken, "--json")
    assert done.returncode == 0, done.stderr
    estimate, told = map(json.loads, done.stdout.splitlines())
    assert estimate["estimate"]["tickets"] == COUNT - estimate["estimate"]["before"] < COUNT
    assert (told["history"]["written"], told["history"]["finished"]) == (COUNT, True)
    assert broken.read_bytes() == whole.read_bytes()
    assert {row["id"] for row in rows(whole)} == set(map(str, account.double.tickets))
    assert account.untouched()


def test_what_is_pulled_trains_as_it_is(account: Account) -> None:
    file = account.root / "tickets.jsonl"
    done = account.run("history", "pull", "acme", "--out", file)
    assert f"{COUNT} tickets read, {COUNT} written" in done.stdout
    assert f"smartticket train --data {file} {TRAINS}" in done.stdout
    assert CANARY not in done.stdout + done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    trained = run("train", "--data", file, *TRAINS.split(), "--out", account.root / "model")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(run("predict", BILLING, "--model", account.root / "model", "--json").stdout)["label"]


def test_an_assessment_says_what_it_would_have_done(account: Account) -> None:
    page = account.root / "report.html"
    shown = account.run("assess", "acme", "--last", "50", "--out", page, "--json")
    assert shown.returncode == 0, shown.stderr
    (told,) = map(json.loads, shown.stdout.splitlines())
    assert (told["tickets"], told["source"], told["trained_on_these"]) == (50, "acme", "no")
    assert told["applied"] + sum(told["abstained"].values()) == 50
    assert told["agreement"]["compared"] == told["applied"]
    assert len(told["wrong"]) == told["agreement"]["compared"] - told["agreement"]["right"] >= 1
    assert all(len(wrong["subject"]) <= 60 for wrong in told["wrong"])
    low, high = told["agreement"]["interval"]
    assert 0.5 < low < told["agreement"]["share"] < high <= 1
    assert told["costs"]["month"]["tickets"] == COUNT
    assert told["costs"]["backlog"]["calls"] < told["costs"]["month"]["calls"]
    html = page.read_text("utf-8")
    assert f"{CANARY} &lt;b&gt;" in html
    assert "<b>7</b>" not in html
    assert account.untouched()


def test_an_assessment_on_a_terminal_of_words(account: Account) -> None:
    shown = account.run("assess", "acme", "--label-group")
    assert shown.returncode == 0, shown.stderr
    assert "the last 60 tickets" in shown.stdout
    assert "Nothing could be compared" in shown.stdout
    assert "not compared" in shown.stdout
    assert CANARY not in shown.stderr


# A mailbox, where people change what we set


def tag_files(desk: Desk) -> list[Path]:
    return sorted((desk.root / "mail" / "smartticket-tags").glob("*.json"))


def test_a_source_that_does_not_answer_is_told_at_once(account: Account) -> None:
    address = account.double.url
    account.config.write_text(account.config.read_text().replace(address, "http://127.0.0.1:9"))
    for command in (["assess"], ["history", "pull", "--out", str(account.root / "t.jsonl")]):
        silent = account.run(*command, "acme")
        assert (silent.returncode, "internal" in silent.stderr) == (69, False)


def test_an_untouched_tag_of_ours_is_no_label(desk: Desk) -> None:
    for n in range(6):
        desk.deliver(f"My invoice {n}", BILLING)
    assert desk.once()["applied"] == 6
    for file in tag_files(desk)[:2]:
        told: dict[str, Any] = json.loads(file.read_text())
        told["tags"] = ["category__refund_cancellation"]
        file.write_text(json.dumps(told))
    before = desk.files()
    out = desk.root / "tickets.jsonl"
    done = desk.run("history", "pull", "desk", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["history"]
    assert (told["written"], told["left_out"]) == (2, {"our_own_label": 4})
    assert [row["label"] for row in rows(out)] == ["refund_cancellation"] * 2
    (shown,) = map(json.loads, desk.run("assess", "desk", "--json").stdout.splitlines())
    assert (shown["tickets"], shown["applied"], shown["agreement"]["right"]) == (6, 6, 0)
    assert shown["not_compared"] == {"our_own_label": 4}
    assert desk.files() == before
    assert desk.once()["applied"] == 6


@pytest.mark.dovecot
def test_keywords_that_people_set_are_labels(dovecot: Server, tmp_path: Path) -> None:
    backlog = OnDovecot(tmp_path, dovecot.account())
    with backlog.account.client("INBOX") as client:
        uids = client.search()
        client.add_flags(uids[:7], [b"category__billing"], silent=True)
        client.add_flags(uids[7:9], [b"Category__Hardware"], silent=True)
    before = backlog.account.rows("INBOX", "FLAGS")
    out = tmp_path / "tickets.jsonl"
    done = run("history", "pull", "desk", "--out", out, "--json", "--config", backlog.config)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["history"]
    assert (told["written"], told["left_out"]) == (9, {"no_label": len(uids) - 9})
    assert {row["label"].lower() for row in rows(out)} == {"billing", "hardware"}
    shown = json.loads(run("assess", "desk", "--json", "--config", backlog.config).stdout)
    assert (shown["tickets"], shown["agreement"]["compared"]) == (len(uids), 7)
    assert {label.lower() for label in shown["labels_unknown_to_the_model"]} == {"hardware"}
    after = backlog.account.rows("INBOX", "FLAGS")
    assert [row[b"FLAGS"] for row in after.values()] == [row[b"FLAGS"] for row in before.values()]
    assert backlog.drafts() == {}
    assert not backlog.state.exists()


def test_interrupted_it_ends_cleanly_and_goes_on(desk: Desk) -> None:
    for n in range(COUNT):
        desk.deliver(f"My invoice {n}", BILLING)
    out = desk.root / "tickets.jsonl"
    command = [PROGRAM, "history", "pull", "desk", "--out", str(out), "--json", "--config", str(desk.config)]
    desk.config.write_text(desk.config.read_text() + "batch = 1\n")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while '"past_read"' not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=PATIENCE)
    end = json.loads(told.splitlines()[-1])["history"]
    assert (process.returncode, end["end"]) == (75, "stopped; the same command goes on where it stopped")
    assert 0 < end["read"] < COUNT
    done = desk.run("history", "pull", "desk", "--out", str(out))
    assert (done.returncode, f"{COUNT} tickets read, 0 written" in done.stdout) == (0, True)


def test_usage(desk: Desk) -> None:
    def pull(*options: str) -> tuple[int, str]:
        done = desk.run("history", "pull", "desk", *options)
        return done.returncode, done.stderr

    out = desk.root / "tickets.jsonl"
    two = pull("--out", str(out), "--label-group", "--label-field", "Reason")
    assert (two[0], "--label-tag-prefix" in two[1]) == (2, True)
    assert pull("--out", str(out.with_suffix(".csv")))[0] == 2
    assert pull("--out", str(desk.state / "tickets.jsonl"))[0] == 78
    assert pull("--out", str(desk.root / "missing" / "tickets.jsonl"))[0] == 78
    out.write_text("mine")
    assert (pull("--out", str(out))[0], out.read_text()) == (65, "mine")
    unknown = desk.run("assess", "another")
    assert (unknown.returncode, "there are: desk" in unknown.stderr) == (2, True)
    assert desk.run("assess", "desk", "--last", "0").returncode == 2
    assert not desk.state.exists()


def test_a_mailbox_that_is_gone_says_so(desk: Desk) -> None:
    (desk.root / "mail").rename(desk.root / "elsewhere")
    for command in (["assess", "desk"], ["history", "pull", "desk", "--out", str(desk.root / "t.jsonl")]):
        gone = desk.run(*command)
        assert (gone.returncode, "internal" in gone.stderr) == (78, False)
