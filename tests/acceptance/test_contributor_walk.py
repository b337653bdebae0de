"""CONTRIBUTING.md followed to the letter: its code blocks make a connector that passes the contract."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## A connector, step by step")[2]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the page says, installed into a folder beside SmartTicket."""
    folder = tmp_path_factory.mktemp("tray")
    *connector, contract = blocks("python")
    (folder / "pyproject.toml").write_text(blocks("toml")[0], "utf-8")
    (folder / "smartticket_tray.py").write_text("\n".join(connector), "utf-8")
    (folder / "test_tray.py").write_text(contract, "utf-8")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += [
        "--disable-pip-version-check",
        "--no-index",
        "--target",
        str(folder / "installed"),
        str(folder),
    ]
    subprocess.run(command, check=True, timeout=120)
    (folder / "smartticket_tray.py").unlink()
    return folder


def run(plug_in: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(plug_in / "installed")}
    return subprocess.run(
        command, cwd=plug_in, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_the_pages_connector_passes_the_contract(plug_in: Path) -> None:
    done = run(plug_in, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tray.py")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 25


def test_it_is_found_by_entry_point_and_triages(plug_in: Path) -> None:
    tray = plug_in / "tray"
    tray.mkdir()
    ticket = (
        '{"subject": "Invoice", "body": "I was charged twice this month, please correct my invoice.", '
        '"from": "ann@customer.example", "status": "open", "answered": false, "tags": [], "group": null, '
        '"notes": [], "moved_by_agent": false, "created": "2026-01-05T10:00:00+00:00"}'
    )
    (tray / "000001.json").write_text(ticket, "utf-8")
    settings = plug_in / "smartticket.toml"
    settings.write_text(
        f'[daemon]\nstate_dir = "{plug_in / "state"}"\n'
        f'[sources.desk]\nkind = "tray"\npath = "{tray}"\nstart = "all"\n',
        "utf-8",
    )
    smartticket = str(Path(sys.executable).with_name("smartticket"))
    checked = run(plug_in, smartticket, "check", "--config", str(settings))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = run(plug_in, smartticket, "run", "--once", "--config", str(settings))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ledger desk: seen 1 = " in done.stdout
    assert '"category__' in (tray / "000001.json").read_text("utf-8")
