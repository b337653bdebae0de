"""Works on a journal until it is killed; says what is durable only after the journal said so."""

from __future__ import annotations

import random
import sys
from datetime import timedelta
from pathlib import Path

from smartticket_daemon.domain import Cursor, Receipt
from smartticket_daemon.journal import open_journal
from smartticket_daemon.testing.journal_steps import LEASE, NOW, SOURCE, entry

BATCH = 3


def work(folder: Path, chance: random.Random) -> None:
    journal = open_journal(folder)
    recorded, clock = int(journal.cursor(SOURCE) or 0), 0.0
    while True:
        clock += LEASE
        now = NOW + timedelta(seconds=clock)
        entries = [entry(str(n)) for n in range(recorded, recorded + BATCH)]
        recorded += journal.record(SOURCE, entries, Cursor(str(recorded + BATCH)), {}, now)
        print("recorded", recorded, flush=True)
        for item in journal.claim(SOURCE, now, LEASE, BATCH):
            print("claimed", item.key, flush=True)
            if chance.random() < 0.8:
                journal.complete({item.key: Receipt(note_id=f"note of {item.key}")}, now)
                print("completed", item.key, flush=True)


if __name__ == "__main__":
    work(Path(sys.argv[1]), random.Random(int(sys.argv[2])))
