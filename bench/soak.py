"""The real daemon on a real server while mail arrives and the daemon is killed again and again.

    python bench/soak.py [--server dovecot|cyrus] [--seconds 60] [--seed 1]

At the end a last daemon is left alone until nothing is pending; then what the mailbox shows is held against
the ledger: nothing lost, no second draft, one category tag each. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mixed import PROGRAM, differences, look, settings
from tests.mixed import Mail, mixed
from tests.servers.mailserver import Account, served

GAP = 0.15
"""Seconds between two mails, on average."""
LIFE = (0.3, 4.0)
"""How long (s) a daemon lives."""
WAITS = 75
DAEMON = '[daemon]\npoll_interval = "500ms"\nlease = "1s"\nretry_base = "100ms"\n'


def deliver(account: Account, mails: list[Mail], rng: random.Random, over: threading.Event) -> list[Mail]:
    """Mail comes in one by one until it is over; returns what came."""
    come = []
    with account.client() as client:
        for mail in mails:
            if over.wait(rng.expovariate(1 / GAP)):
                break
            client.append("INBOX", mail.raw)
            come.append(mail)
    return come


def kill_again_and_again(config: Path, seconds: float, rng: random.Random) -> Counter[int]:
    """Daemons one after the other; how they ended."""
    ends: Counter[int] = Counter()
    finish = time.monotonic() + seconds
    with (config.parent / "daemon.log").open("ab") as log:
        while time.monotonic() < finish:
            daemon = subprocess.Popen([PROGRAM, "run", "--config", str(config)], stdout=log, stderr=log)
            try:
                daemon.wait(rng.uniform(*LIFE))
            except subprocess.TimeoutExpired:
                daemon.kill()
            ends[daemon.wait()] += 1
    return ends


def settle(config: Path) -> dict[str, int]:
    """Rounds of a daemon that nobody disturbs until nothing is pending; the ledger then."""
    ledger: dict[str, int] = {"pending": -1}
    for _ in range(30):
        command = [PROGRAM, "run", "--once", "--json", "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode not in (0, WAITS):
            raise SystemExit(f"exit {done.returncode}\n{done.stderr[-3000:]}")
        ledger = json.loads(done.stdout.splitlines()[-1])["ledger"]["box"]
        if not ledger["pending"]:
            break
        time.sleep(1)  # as long as a lease: what a killed daemon held is free after that
    return ledger


def reckon(mails: list[Mail], account: Account, ledger: dict[str, int]) -> list[str]:
    """Everything that is wrong; empty when all is well."""
    shown = look(account)
    wrong = differences(mails, shown)
    tags = Counter(tag for _, flags, _ in shown.values() for tag in flags if tag.startswith("category__"))
    unsure = tags.pop("category__unsure", 0)
    skipped = sum(mail.fate != "eligible" for mail in mails)
    expected = {"seen": len(mails), "applied": tags.total(), "abstained": unsure, "skipped": skipped}
    expected |= {"observed": 0, "quarantined": 0, "pending": 0}
    return wrong if ledger == expected else [*wrong, f"the ledger says {ledger}, the mailbox {expected}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=["dovecot", "cyrus"], default="dovecot")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, over, come = random.Random(options.seed), threading.Event(), []
    with served(f"{options.server}.sh") as server, tempfile.TemporaryDirectory() as folder:
        account = server.account()
        config = settings(account, Path(folder) / "state")
        config.write_text(config.read_text("utf-8").replace("[daemon]\n", DAEMON, 1), "utf-8")
        mails = mixed(round(options.seconds / GAP * 2), options.seed)
        post = threading.Thread(
            target=lambda: come.extend(deliver(account, mails, random.Random(options.seed), over))
        )
        post.start()
        ends = kill_again_and_again(config, options.seconds, rng)
        over.set()
        post.join()
        ledger = settle(config)
        wrong = reckon(come, account, ledger)
    print(
        f"{options.server}: {len(come)} messages, {ends.total()} daemons ended {dict(ends)}, ledger {ledger}"
    )
    for line in wrong:
        print("WRONG", line)
    print("all as it should be" if not wrong else f"{len(wrong)} differences")
    sys.exit(bool(wrong or ends[-9] != ends.total()))


if __name__ == "__main__":
    main()
