"""Hostile subjects, names and bodies through the doubles of the helpdesks and the whole pipeline.

Each of `--count` messages a service attacks by HTML, script, template, header, log line or terminal code.
Told is whatever a note holds beyond paragraphs, line breaks and small print, whatever was evaluated, and
every log line that is not one JSON object or holds a customer's words; the exit code is 1 when there is any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.hostile import through


def main() -> None:
    """Every service in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong = 0
    for service in ("zendesk", "freshdesk"):
        with tempfile.TemporaryDirectory() as folder:
            outcome = through(service, options.count, options.seed, Path(folder))
        wrong += len(outcome.wrong)
        print(
            f"{service}: {outcome.messages} messages, {outcome.notes} notes, {outcome.log_lines} log lines, "
            f"{len(outcome.wrong)} wrong {dict(Counter(outcome.wrong)) or ''}"
        )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
