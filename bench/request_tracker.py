"""The real program on a real Request Tracker that is killed in the middle: nothing lost, twice or let out.

    python bench/request_tracker.py [--count 60]

Customers mail RT's gateway; the program triages; RT is killed with the first comments written and started
again; more customers mail. RT's outbox must hold its own automatic replies and not one mail more. Exit code 1
when anything differs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.servers.rt import US, RequestTracker, comments, first_mail, tags

PROGRAM = str(Path(sys.executable).with_name("smartticket"))
CORPUS = Path(__file__).resolve().parents[1] / "training" / "smartticket_training" / "corpus" / "en"
ROUNDS = 40


def texts(count: int) -> list[tuple[str, str]]:
    """Subjects and bodies of our own, all categories in turn."""
    files = [iter(file.read_text("utf-8").splitlines()) for file in sorted(CORPUS.glob("*.jsonl"))]
    rows = (json.loads(next(file)) for file in cycle(files))
    return [(row["subject"], row["body"]) for row in islice(rows, count)]


def settings(rt: RequestTracker, queue: str, root: Path) -> Path:
    """A settings file for one source on the queue."""
    file = root / "smartticket.toml"
    file.write_text(
        f'[daemon]\nstate_dir = "{root / "state"}"\nretry_base = "1s"\nmax_attempts = 20\n'
        '[categories.billing]\nroute = "Billing"\n'
        f'[sources.desk]\nkind = "request_tracker"\nurl = "{rt.url}"\nusername = "{US}"\n'
        f'token_file = "{rt.token}"\nqueues = ["{queue}"]\nstart = "all"\nbatch = 10\ntimeout = "30s"\n',
        "utf-8",
    )
    return file


def run_once(config: Path) -> tuple[int, dict[str, Any]]:
    """The real program, one round: its exit code and the ledger."""
    command = [PROGRAM, "run", "--once", "--json", "--config", str(config)]
    with config.with_name("rounds.log").open("a", encoding="utf-8") as said:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=said, text=True, timeout=600, check=False
        )
        print(f"exit code {done.returncode}", file=said)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1])["ledger"].get("desk", {}) if lines else {}


def crash_at_first_comments(rt: RequestTracker, config: Path, tickets: list[str]) -> tuple[int, str]:
    """The program runs while RT dies; its exit code, and the end of what it said."""
    command = [PROGRAM, "run", "--once", "--config", str(config)]
    said = config.with_name("crash.log")
    with said.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as program:
        while program.poll() is None and not any(comments(rt, one) for one in tickets):
            time.sleep(0.05)
        rt.run("crash")
        code = program.wait(timeout=600)
    return code, said.read_text("utf-8")[-2000:]


def deliver(rt: RequestTracker, queue: str, mails: list[tuple[str, str]]) -> list[str]:
    """Customers write; the numbers of their tickets."""
    tickets = []
    for number, (subject, body) in enumerate(mails):
        rt.mail(first_mail(subject, body, f"c{number}@customer.example").as_bytes(), queue)
        tickets.append(rt.newest(queue))
    return tickets


def campaign(rt: RequestTracker, root: Path, count: int) -> list[str]:
    """What is wrong at the end; empty when all is well."""
    queue, mails = rt.new_queue(), texts(count)
    config, sent, ours = settings(rt, queue, root), len(rt.outbox()), rt.caused_by_us()
    tickets = deliver(rt, queue, mails[: count // 2])
    replies = len(rt.outbox()) - sent
    code, said = crash_at_first_comments(rt, config, tickets[:3])
    rt.run("restart")
    tickets += deliver(rt, queue, mails[count // 2 :])
    for _ in range(ROUNDS):
        last, ledger = run_once(config)
        if last == 0:
            break
    wrong = [f"exit code {last} at the end"] if last else []
    wrong += [f"exit code {code} while RT was down: {said}"] if code not in (69, 75) else []
    if (replies, len(rt.outbox()) - sent) != (count // 2, count):
        wrong.append(f"{len(rt.outbox()) - sent} mails of RT for {count} tickets ({replies} before we ran)")
    if rt.caused_by_us() != ours:
        wrong.append(f"{rt.caused_by_us() - ours} mails caused by us")
    return wrong + compare(rt, tickets, ledger)


def compare(rt: RequestTracker, tickets: list[str], ledger: dict[str, Any]) -> list[str]:
    """The ledger against what an administrator sees in RT."""
    shown: Counter[str] = Counter()
    wrong = []
    for ticket in tickets:
        notes, values = len(comments(rt, ticket)), tags(rt, ticket)
        shown[{(1, 1): "applied", (0, 1): "abstained"}.get((notes, len(values)), "wrong")] += 1
        if notes > 1 or len(values) != 1:
            wrong.append(f"ticket {ticket} has {notes} comments and the tags {values}")
    counted = {word: ledger.get(word, 0) for word in ("applied", "abstained")}
    if ledger.get("seen") != len(tickets) or counted != {word: shown[word] for word in counted}:
        wrong.append(f"the ledger says {ledger}, RT shows {dict(shown)}")
    return wrong


def main() -> int:
    """The campaign on an RT of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    count = parser.parse_args().count
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as root,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
    ):
        Path(home).chmod(0o755)
        rt = RequestTracker(Path(home))
        try:
            wrong = campaign(rt, Path(root), count)
            if wrong:
                kept = Path(tempfile.mkdtemp(prefix="request-tracker-"))
                shutil.copytree(root, kept, dirs_exist_ok=True)
                wrong.append(f"the daemon's logs and journal are kept in {kept}")
        finally:
            rt.stop()
    print(f"{count} tickets, {time.monotonic() - began:.0f} s, wrong: {wrong or 'nothing'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
