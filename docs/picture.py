"""Draws what `smartticket demo` shows as an SVG file: python docs/picture.py FILE.svg"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 150


def main(target: Path) -> None:
    """Run the demo as anybody would, with colours, and draw exactly what it printed."""
    command = [str(Path(sys.executable).with_name("smartticket")), "demo"]
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(shown.partition("\nThe mailbox ")[0]))
    console.save_svg(str(target), title="smartticket demo")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
