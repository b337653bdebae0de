"""`smartticket demo` as a real process: everything triaged once, nothing lost, nothing read, nothing sent."""

from __future__ import annotations

import json
import mailbox
import re
import subprocess
import sys
import time
from collections import Counter
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.demo import sample

SMARTTICKET = str(Path(sys.executable).with_name("smartticket"))
HEADER_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SMARTTICKET, *arguments], capture_output=True, text=True, timeout=60)


def mails(folder: Path) -> dict[str, list[mailbox.MaildirMessage]]:
    """Every mail by its folder, read by somebody else's code."""
    inbox = mailbox.Maildir(folder / "mailbox", create=False)
    found = {"INBOX": list(inbox)}
    return found | {name: list(inbox.get_folder(name)) for name in inbox.list_folders()}


def seen(folder: Path) -> Counter[str]:
    """Message-IDs with \\Seen, drafts aside."""
    everything = (m for name, box in mails(folder).items() if name != "Drafts" for m in box)
    return Counter(str(m["Message-ID"]) for m in everything if "S" in m.get_flags())


class Demo:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        began = time.monotonic()
        self.result = run("demo", "--dir", str(folder), "--json")
        self.seconds = time.monotonic() - began
        assert self.result.returncode == 0, self.result.stderr
        lines = [json.loads(line) for line in self.result.stdout.splitlines()]
        self.rows: list[dict[str, Any]] = lines[:-1]
        self.ledger: dict[str, int] = lines[-1]["ledger"]["support"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo") / "fresh")


def test_the_ledger_balances_and_nothing_is_pending(demo: Demo) -> None:
    parts = {word: number for word, number in demo.ledger.items() if word != "seen"}
    assert demo.ledger["seen"] == sum(parts.values()) == len(sample.messages()) >= 44
    assert demo.ledger["pending"] == 0
    decided = Counter(row["decision"] for row in demo.rows)
    assert decided == {"apply": parts["applied"], "abstain": parts["abstained"], "skip": parts["skipped"]}
    assert demo.seconds < 10


def test_every_applied_message_has_one_draft_and_no_other_has(demo: Demo) -> None:
    drafts = mails(demo.folder)["Drafts"]
    applied = [row for row in demo.rows if row["decision"] == "apply"]
    assert len(drafts) == len([row for row in applied if row["reply"]]) == len(applied)
    assert len({d["In-Reply-To"] for d in drafts}) == len(drafts)
    assert all(row["reply"] is None for row in demo.rows if row["decision"] != "apply")


CLEAR = {
    "Charged twice for January": "billing",
    "VAT number missing on our invoice": "billing",
    "Fwd: Payment reminder for invoice INV-20219": "billing",
    "Wrong amount on my bill": "billing",
    "Export fails with error 5012": "technical_issue",
    "Sync stuck at 80 %, log attached": "technical_issue",
    "502 bad gateway on the login page": "technical_issue",
    "headset won't pair": "technical_issue",
    "Can't log in, lost my phone": "account_access",
    "password reset email never arrives": "account_access",
    "Someone has changed my password": "account_access",
    "Where is my order #10093?": "order_delivery",
    "Package arrived damaged": "order_delivery",
    "Wrong item in my parcel": "order_delivery",
    "Re: Your order has been shipped": "order_delivery",
    "Please cancel my subscription": "refund_cancellation",
    "Return shoes, money back": "refund_cancellation",
    "Refund for a licence bought by mistake": "refund_cancellation",
    "Suggestion: dark mode": "feature_request",
    "Feature request: import contacts by API": "feature_request",
    "Idea: calendar integration": "feature_request",
    "Very disappointed with your service": "complaint_feedback",
    "Thank you, great service!": "complaint_feedback",
    "Nobody answers me": "complaint_feedback",
    "Do you ship to Norway?": "general_question",
    "Question about your plans": "general_question",
    "Do you offer a student discount?": "general_question",
}


def test_clear_english_messages_are_mostly_applied_and_rightly(demo: Demo) -> None:
    applied = [row for row in demo.rows if row["decision"] == "apply" and row["subject"] in CLEAR]
    right = [row for row in applied if row["category"] == CLEAR[row["subject"]]]
    assert len(applied) >= 0.7 * len(CLEAR)
    assert len(right) >= 0.9 * len(applied)
    assert {row["category"] for row in right} == set(CLEAR.values())


def test_every_kind_of_mail_that_is_no_customers_first_is_skipped_by_name(demo: Demo) -> None:
    reasons = Counter(row["skipped"] for row in demo.rows if row["skipped"])
    assert reasons == {
        "auto_reply": 3,
        "bounce": 1,
        "list": 1,
        "own_address": 1,
        "duplicate": 1,
        "follow_up": 1,
        "empty": 1,
    }
    unsure = [row["why"] for row in demo.rows if row["decision"] == "abstain"]
    assert sum(why.startswith("encrypted") for why in unsure) == 1


def test_no_message_is_lost_and_each_lies_where_its_route_says(demo: Demo) -> None:
    boxes = mails(demo.folder)
    there = Counter(str(m["Message-ID"]) for name, box in boxes.items() if name != "Drafts" for m in box)
    parse = BytesParser().parsebytes
    assert there == Counter(str(parse(data)["Message-ID"]) for data in sample.messages())
    routed = Counter(row["route"] for row in demo.rows if row["route"])
    assert routed == {name: len(box) for name, box in boxes.items() if name not in ("INBOX", "Drafts")}


def test_what_was_unread_stays_unread(demo: Demo, tmp_path: Path) -> None:
    untouched = sample.lay_out(tmp_path / "untouched")
    assert seen(demo.folder) == seen(untouched)
    assert seen(untouched)


def test_customers_text_is_never_evaluated_and_steers_nothing(demo: Demo) -> None:
    drafts = mails(demo.folder)["Drafts"]
    bodies = [d.get_payload(decode=True).decode() for d in drafts]
    assert not any("49" in b.split("\n\n")[0] or "{{" in b.split("\n\n")[0] for b in bodies)
    assert not any(HEADER_CONTROL.search(b) for b in bodies)
    assert not any(HEADER_CONTROL.search(row["subject"]) for row in demo.rows)
    assert {"bcc", "cc"}.isdisjoint(name.lower() for d in drafts for name in d)


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = sample.fingerprint(demo.folder)
    again = run("demo", "--dir", str(demo.folder), "--json")
    assert again.returncode == 0
    assert [json.loads(line) for line in again.stdout.splitlines()] == [{"ledger": {"support": demo.ledger}}]
    assert sample.fingerprint(demo.folder) == before
    people = run("demo", "--dir", str(demo.folder))
    assert "A second run changed nothing" in people.stdout
    assert sample.fingerprint(demo.folder) == before


def test_for_people_it_shows_routing_draft_ledger_and_where_to_look(tmp_path: Path) -> None:
    shown = run("demo", "--dir", str(tmp_path / "people"))
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    for text in (
        "Charged twice",
        "skipped:",
        "drafts: for an agent",
        "pending 0  (it balances)",
        "--dry-run",
    ):
        assert text in shown.stdout
    assert str(tmp_path / "people" / "smartticket.toml") in shown.stdout


def test_the_commands_it_recommends_work_on_the_same_settings(demo: Demo) -> None:
    settings = str(demo.folder / sample.SETTINGS)
    assert run("status", "--config", settings).returncode == 0
    rehearsed = run("run", "--config", settings, "--dry-run", "--once", "--json")
    assert rehearsed.returncode == 0
    assert rehearsed.stdout == ""


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    refused = run("demo", "--dir", str(tmp_path))
    assert refused.returncode == 78
    assert str(tmp_path) in refused.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]


def test_the_sample_mailbox_is_small_and_names_nobody_real() -> None:
    everything = b"\n".join(sample.messages())
    assert len(everything) < 200_000
    domains = {d.lower() for d in re.findall(rb"@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", everything)}
    assert all(re.fullmatch(rb"(?:[a-z]+\.)*example\.(?:com|org|net)", d) for d in domains)


def test_the_demonstration_on_a_double_of_zendesk_tags_and_takes_back() -> None:
    command = [sys.executable, "-m", "tests.doubles.demo_zendesk"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, cwd=root)
    before, _, after = done.stdout.partition("$ smartticket undo")
    assert "public comments by us: 0" in before
    assert "internal note on ticket" in before
    assert "│ category__billing vip" in before
    assert before.count("category__unsure") > 1
    assert "failed" not in after
    assert "category__unsure" not in after
    assert "│ category__billing vip" in after
