"""Draws what `smartticket demo` shows as an SVG file: python docs/picture.py FILE.svg"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 160


def main(target: Path) -> None:
    """Run the demo as anybody would, with colours, and draw exactly what it printed."""
    command = [str(Path(sys.executable).with_name("smartticket")), "demo"]
    environment = os.environ | {"FORCE_COLOR": "1"}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(shown.partition("\nThe mailbox ")[0]))
    target.write_text(_self_contained(console.export_svg(title="smartticket demo")), "utf-8")


def _self_contained(svg: str) -> str:
    """Without the fonts that the picture would fetch from elsewhere; any monospace font serves."""
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
