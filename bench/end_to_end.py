"""End to end on a real Dovecot, beside the bare floor of the same work, in one run.

    python bench/end_to_end.py [--count 500] [--rounds 3]

The floor does with IMAPClient alone what cannot be avoided: FETCH by 50, then one STORE and one APPEND for
each message in turn. The product's start-up (a run on an empty mailbox) is subtracted. Goal: at most 2.0.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.mixed import run_once, settings
from tests.mixed import mixed
from tests.servers.mailserver import Account, Server, served


def floor(account: Account, tags: int, drafts: int) -> float:
    """Seconds for the unavoidable: everything fetched, `tags` STOREs, `drafts` APPENDs of a reply's size."""
    reply = b"To: ann@customer.example\r\nSubject: Re: x\r\n\r\n" + b"Thank you for writing to us.\r\n" * 25
    with account.client("INBOX") as client:
        began = time.monotonic()
        uids = client.search()
        for at in range(0, len(uids), 50):
            client.fetch(uids[at : at + 50], ["BODY.PEEK[]"])
        for number, uid in enumerate(uids[:tags]):
            client.add_flags([uid], ["category__x"])
            if number < drafts:
                client.append("Drafts", reply, flags=[b"\\Draft", b"\\Seen"])
        return time.monotonic() - began


def seconds_of(account: Account, state: Path) -> tuple[float, dict[str, int]]:
    config = settings(account, state)
    began = time.monotonic()
    ledger = run_once(config)
    return time.monotonic() - began, ledger


def measure(server: Server, count: int, folder: Path, seed: int) -> tuple[float, float]:
    """Seconds of the product (start-up off) and of the floor."""
    empty, _ = seconds_of(server.account(), folder / f"empty{seed}")
    mails = [mail.raw for mail in mixed(count, seed)]
    ours, bare = server.account(), server.account()
    ours.deliver(*mails)
    bare.deliver(*mails)
    spent, ledger = seconds_of(ours, folder / f"full{seed}")
    least = floor(bare, ledger["applied"] + ledger["abstained"], ledger["applied"])
    return spent - empty, least


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratios = []
    with served("dovecot.sh") as server, tempfile.TemporaryDirectory() as folder:
        for seed in range(options.rounds):
            product, least = measure(server, options.count, Path(folder), seed)
            ratios.append(product / least)
            rate = options.count / product
            print(f"product {product:6.2f} s ({rate:.0f}/s)  floor {least:6.2f} s  ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f} (goal 2.0)")


if __name__ == "__main__":
    main()
