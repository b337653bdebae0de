"""1,000 mixed messages on a real server: what the mailbox shows against what the ledger says.

    python bench/mixed.py --server dovecot|cyrus [--count 1000] [--seed 1]

5 % of them are automatic replies, bounces and list mail, 1 % are malformed. Runs the real program twice.
Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.mixed import NUMBER, Mail, mixed
from tests.servers.mailserver import Account, served

PROGRAM = str(Path(sys.executable).with_name("smartticket"))


def settings(account: Account, state: Path) -> Path:
    """A settings file for one source on the account."""
    env = account.server.env
    file = state.parent / f"{state.name}.toml"
    file.write_text(
        f'[daemon]\nstate_dir = "{state}"\n[categories.billing]\nroute = "Billing"\n'
        f'[sources.box]\nkind = "imap"\nhost = "localhost"\nport = {env["IMAPS_PORT"]}\n'
        f'ca_file = "{env["IMAP_CA"]}"\nusername = "{account.user}"\npassword_file = "{account.secret}"\n'
        'start = "all"\nown_addresses = ["support@example.org"]\n',
        "utf-8",
    )
    return file


def run_once(config: Path) -> dict[str, Any]:
    """The real program, one round; its ledger of the source."""
    command = [PROGRAM, "run", "--once", "--json", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise SystemExit(f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
    ledger: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["ledger"]["box"]
    return ledger


def look(account: Account) -> dict[int, tuple[str, frozenset[str], int]]:
    """Each message by number: its folder, its flags, and how many drafts answer it."""
    answers: Counter[str] = Counter()
    for row in account.rows("Drafts", "BODY.PEEK[HEADER]").values():
        answers[str(message_from_bytes(row[b"BODY[HEADER]"])["In-Reply-To"]).strip()] += 1
    found = {}
    for folder in ("INBOX", "Billing"):
        for row in account.rows(folder, "FLAGS", "BODY.PEEK[HEADER]").values():
            header = message_from_bytes(row[b"BODY[HEADER]"])
            flags = frozenset(flag.decode() for flag in row[b"FLAGS"] if flag != b"\\Recent")
            found[int(header[NUMBER])] = (folder, flags, answers[str(header["Message-ID"]).strip()])
    return found


def differences(mails: list[Mail], seen: dict[int, tuple[str, frozenset[str], int]]) -> list[str]:
    """What is not as it should be; empty when all is well."""
    wrong = []
    for mail in mails:
        folder, flags, drafts = seen.get(mail.number, ("nowhere", frozenset(), 0))
        tags = sorted(flag for flag in flags if flag.startswith("category__"))
        applied = tags not in ([], ["category__unsure"])
        expected = (len(tags) == 1, drafts == applied) if mail.fate == "eligible" else (not tags, drafts == 0)
        if not all(expected) or flags - set(tags) or (folder == "Billing") != (tags == ["category__billing"]):
            wrong.append(f"{mail.number} {mail.fate}: {folder} {sorted(flags)} drafts {drafts}")
    return wrong


def check(account: Account, mails: list[Mail], state: Path) -> tuple[dict[str, Any], list[str], float]:
    """Two runs; the ledger, everything that is wrong, and the seconds of the first."""
    account.deliver(*(mail.raw for mail in mails))
    config = settings(account, state)
    began = time.monotonic()
    ledger = run_once(config)
    seconds = time.monotonic() - began
    shown = look(account)
    wrong = differences(mails, shown)
    if run_once(config) != ledger or look(account) != shown:
        wrong.append("the second run changed something")
    tags = Counter(tag for _, flags, _ in shown.values() for tag in flags if tag.startswith("category__"))
    unsure = tags.pop("category__unsure", 0)
    skipped = sum(mail.fate != "eligible" for mail in mails)
    expected = {"seen": len(mails), "applied": tags.total(), "abstained": unsure, "skipped": skipped}
    expected |= {"observed": 0, "quarantined": 0, "pending": 0}
    if ledger != expected:
        wrong.append(f"the ledger says {ledger}, the mailbox {expected}")
    return ledger, wrong, seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=["dovecot", "cyrus"], default="dovecot")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with served(f"{options.server}.sh") as server, tempfile.TemporaryDirectory() as state:
        mails = mixed(options.count, options.seed)
        ledger, wrong, seconds = check(server.account(), mails, Path(state) / "state")
    print(f"{options.server}: {len(mails)} messages in {seconds:.1f} s, ledger {ledger}")
    for line in wrong:
        print("WRONG", line)
    print("all as it should be" if not wrong else f"{len(wrong)} differences")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
