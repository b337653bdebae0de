"""The documentation holds together: no dead link, and a page for each connector."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smartticket_daemon.registry import connector_kinds

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them of headings."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(page.read_text("utf-8")))
    return {heading.strip().replace(" ", "-") for heading in words}


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](missing.md) [d](https://example.org/)", "utf-8")
    assert dead_links(page) == ["#two", "missing.md"]


def test_every_connector_has_a_page_and_every_page_a_connector() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "connectors").glob("*.md")}
    assert pages == {
        kind for kind, entry in connector_kinds().items() if entry.value.startswith("smartticket_")
    }


def test_every_decision_record_is_listed() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    records = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert records
    assert [r.name for r in records if r.name not in listed] == []


def test_make_targets_that_the_documentation_names_exist() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)`", page.read_text("utf-8"))}
    assert named
    assert named <= targets


def test_ci_runs_the_readmes_test_command() -> None:
    assert "`make test`" in (ROOT / "README.md").read_text("utf-8")
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("exec make test")
