"""Lays out the sample mailbox as a Maildir with settings beside it, and tells whether it changed.

    DIR/smartticket.toml    settings, as an operator would write them
    DIR/mailbox/            the Maildir that the daemon works on
    DIR/state/              its journal

The messages are of invented people at example.com, example.org and example.net.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from importlib.resources import files
from pathlib import Path

from smartticket_daemon.errors import ConfigurationError

SETTINGS = "smartticket.toml"
MAILBOX = "mailbox"
STATE = "state"
LOG = "log.jsonl"
OWN_ADDRESS = "support@example.com"
_READ_EVERY = 5
"""Every fifth message has been read before the daemon comes, so that one can see it stays so."""

_SETTINGS_TEXT = """\
# Written by `smartticket demo`; a real mailbox differs only in its [sources] table.
[daemon]
state_dir = {state}

[policy]
mode = "suggest"                # tag, route and write a suggested reply as a draft

[categories]
billing.route = "Billing"
technical_issue.route = "Tech"
account_access.route = "Accounts"
refund_cancellation.route = "Refunds"
order_delivery.route = "Orders"
feature_request.route = "Product"
complaint_feedback.route = "Care"
# general_question has no route: it is tagged and stays in the inbox

[sources.support]
kind = "folder"
path = {mailbox}
start = "all"
own_addresses = ["{own}"]
"""


def lay_out(folder: Path | None) -> Path:
    """The demo folder, absolute. Without `folder` a fresh temporary one.

    A folder that holds an earlier demo is used as it stands. Raises ConfigurationError for any other
    folder that is not empty, and where it cannot be written.
    """
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="smartticket-demo-"))
    folder = folder.absolute()
    try:
        if (folder / SETTINGS).is_file() and (folder / MAILBOX).is_dir():
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigurationError(f"{folder} is not empty and holds no demo; name a folder that is")
        _fill(folder)
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be used: {error.strerror}") from None
    return folder


def _fill(folder: Path) -> None:
    """The settings come last: a folder with them is complete."""
    mailbox = folder / MAILBOX
    for part in ("cur", "new", "tmp"):
        (mailbox / part).mkdir(parents=True)
    for number, data in enumerate(messages(), 1):
        read = number % _READ_EVERY == 0
        name = f"{1767600000 + 60 * number}.M{number}.demo"
        (mailbox / (f"cur/{name}:2,S" if read else f"new/{name}")).write_bytes(data)
    paths = {"state": folder / STATE, "mailbox": mailbox}
    # A JSON string is a TOML string too.
    quoted = {key: json.dumps(str(path), ensure_ascii=False) for key, path in paths.items()}
    (folder / SETTINGS).write_text(_SETTINGS_TEXT.format(**quoted, own=OWN_ADDRESS), "utf-8")


def messages() -> list[bytes]:
    """The sample messages as raw mail, in the order of their arrival."""
    found = (files("smartticket_daemon.demo") / "mailbox").iterdir()
    return [file.read_bytes() for file in sorted(found, key=lambda file: file.name)]


def fingerprint(folder: Path) -> str:
    """Digest over the name and content of every mail below the mailbox; equal when nothing changed."""
    digest = hashlib.sha256()
    for file in mails(folder / MAILBOX):
        digest.update(
            f"{file.relative_to(folder)}\n{file.stat().st_size}\n".encode("utf-8", "surrogateescape")
        )
        digest.update(file.read_bytes())
    return digest.hexdigest()


def mails(maildir: Path) -> list[Path]:
    """Every mail in a Maildir and its folders, sorted by name."""
    return sorted(f for part in ("cur", "new") for f in maildir.glob(f"**/{part}/*") if f.is_file())
