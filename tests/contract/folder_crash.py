"""Kills an `apply` with SIGKILL before each of its operations on files, one mailbox for each: FORMAT ROOT.

Python announces every open, rename, link, removal and new directory to audit hooks before it happens.
The last mailbox is the one whose `apply` came through.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from smartticket_connectors.folder import FolderConnector
from smartticket_daemon.domain import MessageRef, Triage
from smartticket_daemon.testing.steps import NOTE, TAG
from tests.contract.mailboxes import DiskMailbox, EmlMailbox, MaildirMailbox, MboxMailbox

FORMATS: dict[str, type[DiskMailbox]] = {"maildir": MaildirMailbox, "mbox": MboxMailbox, "eml": EmlMailbox}
PLAN = Triage((TAG, "urgent"), "Billing", NOTE)
OPERATIONS = frozenset(("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate", "os.utime"))


def main(kind: str, root: Path) -> None:
    for point in range(1, 200):
        place = root / str(point)
        place.mkdir()
        box = FORMATS[kind](place / "mail")
        box.deliver("An invoice", "It is wrong.")
        connector = FolderConnector("contract", box.settings())
        ref = next(batch.messages[0].ref for batch in connector.fetch(None))
        (place / "ref.json").write_text(json.dumps(asdict(ref)))
        if came_through(connector, ref, point):
            return


def came_through(connector: FolderConnector, ref: MessageRef, point: int) -> bool:
    child = os.fork()
    if not child:
        kill_before(point)
        connector.apply(ref, PLAN, ref.key)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    return status == 0


def kill_before(point: int) -> None:
    left = point

    def count(event: str, _: object) -> None:
        nonlocal left
        if event in OPERATIONS:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
