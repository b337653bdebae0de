"""Reading content in a process of its own, which can be killed: for mails beyond cheap limits only.

A thread cannot be stopped and a native parser cannot be interrupted; a process can. It is started on
demand, lives for one mail, has no secrets in its environment, and talks JSON over its standard streams.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from smartticket_connectors.mail.content import Content
from smartticket_connectors.mail.content import read_content as read_here
from smartticket_connectors.mail.parts import Part
from smartticket_daemon.errors import RejectedError, TransientError

TIME_LIMIT = 10.0
"""Seconds for one mail."""
MEMORY_LIMIT = 512 * 1024 * 1024
"""Bytes of address space for one mail."""
CHEAP_BYTES = 256 * 1024
CHEAP_PARTS = 50
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")


def is_heavy(parts: Sequence[Part]) -> bool:
    """Whether a mail is beyond what is always read at once."""
    return len(parts) > CHEAP_PARTS or sum(len(part.data) for part in parts) > CHEAP_BYTES


def read_content(
    subject: str, parts: Sequence[Part], *, seconds: float = TIME_LIMIT, memory: int = MEMORY_LIMIT
) -> Content:
    """`content.read_content` in a process of its own, within `seconds` and `memory` bytes.

    Raises RejectedError when it had to be ended, TransientError when it could not be started.
    """
    task = {"subject": subject, "parts": [asdict(part) for part in parts]}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, str(memory)],
            input=json.dumps(task, default=_encoded).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RejectedError(f"reading the mail took longer than {seconds:g} s") from None
    except OSError as error:
        raise TransientError(f"cannot start the mail reader: {error.strerror}") from None
    if done.returncode:
        raise RejectedError("reading the mail needed more memory than allowed, or crashed the reader")
    answer: dict[str, Any] = json.loads(done.stdout)
    return Content(
        body=answer["body"],
        files=tuple(answer["files"]),
        marks=frozenset(answer["marks"]),
        defects=tuple(answer["defects"]),
    )


def environment() -> dict[str, str]:
    """What the reader process may know of ours: where Python and its packages are, and the locale."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}


def _encoded(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)


def main() -> None:
    """The reader process: one task on standard input, one answer on standard output."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    task = json.load(sys.stdin.buffer)
    parts = [Part(**{**part, "data": base64.b64decode(part["data"])}) for part in task["parts"]]
    json.dump(asdict(read_here(task["subject"], parts)), sys.stdout, default=_encoded)


if __name__ == "__main__":
    main()
