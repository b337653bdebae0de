"""The command line: `smartticket COMMAND`. Results on standard output, messages on standard error.

Exit codes: 0 done, 1 failed, 2 usage, 65 data refused, 69 source unavailable, 70 internal,
75 try again, 77 access denied, 78 configuration.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from smartticket_daemon.errors import SmartTicketError


def main() -> None:
    """Run one command and exit with its code."""
    from smartticket_daemon.cli.app import app

    try:
        app()
    except SmartTicketError as error:
        print(f"smartticket: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader has had enough; python must not complain again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - its text may hold a customer's words, so only its place is shown
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"internal error {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        print(f"smartticket: {text}; please report it", file=sys.stderr)  # noqa: T201
        sys.exit(70)
