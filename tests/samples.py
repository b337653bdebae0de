"""Where third-party samples lie, for tests that measure against them; they are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def samples(*parts: str) -> Path:
    """Path of a sample folder or file; skips the test by name where the samples are absent."""
    base = Path(os.environ.get("SMARTTICKET_SAMPLES") or ROOT.parent / "shared")
    path = base.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"third-party samples absent: {'/'.join(parts)} (set SMARTTICKET_SAMPLES)")
    return path
