"""The arrows between the layers go down only; files and functions stay small; nothing names this machine."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.samples import ROOT

PACKAGES = {
    "smartticket_daemon": ROOT / "smartticket_daemon",
    "smartticket_connectors": ROOT / "connectors" / "smartticket_connectors",
    "smartticket_model": ROOT / "model" / "smartticket_model",
    "smartticket_training": ROOT / "training" / "smartticket_training",
    "smartticket_config": ROOT / "config" / "smartticket_config",
}

CORE = ("domain", "errors", "ports", "records", "source_settings")
PURE = ("text", "quotes", "markup", "phrases")
ARROWS = {
    # The values, the errors and the seams
    "smartticket_daemon": (),
    "words": (),
    "domain": ("words",),
    "errors": (),
    "phrases": (),
    "names": (),
    "source_settings": ("domain", "errors"),
    "records": ("domain",),
    "capabilities": ("domain", "errors"),
    "ports": ("domain", "errors", "source_settings", "records", "capabilities"),
    # Text and rules: pure
    "text": PURE,
    "quotes": PURE,
    "markup": PURE,
    "filters": ("domain", *PURE),
    "policy": ("domain",),
    "replies": ("domain", "errors", "names"),
    "backoff": ("errors",),
    # What happens to a message
    "judge": ("domain", "errors", "ports", "filters", "policy", "replies"),
    "recognise": ("domain", "errors", "ports"),
    "receipts": CORE,
    "entries": (*CORE, "judge", "policy"),
    "pipeline": (*CORE, "backoff", "entries", "judge", "receipts", "recognise"),
    "undoing": (*CORE, "pipeline"),
    "replaying": (*CORE, "entries", "judge", "pipeline"),
    "opinions": ("domain", "policy", "records"),
    # What makes it happen
    "polling": (*CORE, "backoff", "pipeline"),
    "feedback": (*CORE, "backoff", "opinions", "pipeline", "polling"),
    "backfilling": (*CORE, "backoff", "filters", "pipeline", "polling"),
    "history": (*CORE, "backfilling", "backoff", "filters", "history", "judge", "pipeline", "policy"),
    "service": (),
    "logs": (),
    "registry": ("errors", "ports"),
    "models": ("errors", "models", "smartticket_model"),
    "runner": (*CORE, "pipeline", "polling", "service"),
    "assemble": (
        *CORE, "backoff", "feedback", "filters", "judge", "models", "opinions", "pipeline", "policy",
        "polling", "registry", "replies", "smartticket_config", "smartticket_model",
    ),
    "http": (*CORE, "http"),
    # The rooms beside: they implement the ports
    "journal": (*CORE, "journal"),
    "testing": (*CORE, "testing"),
    "smartticket_connectors": (*CORE, "http", *PURE, "smartticket_connectors"),
    "smartticket_model": ("domain", "errors", "text", "smartticket_model"),
    "smartticket_training": ("domain", "errors", "smartticket_model", "smartticket_training"),
    "smartticket_config": ("domain", "errors", "source_settings", "registry", "smartticket_config"),
}  # fmt: skip
"""What each layer may import, by the first part of the module's name inside its package.

A layer that is not named here is an entry point (or not there yet): see ENTRY_POINTS.
"""

ENTRY_POINTS = {"cli", "api", "demo", "__main__"}
"""They may import everything, and nothing else may import them."""

LINES, FUNCTION_LINES = 300, 40


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), file


ALL = list(modules())
FILES = [pytest.param(name, file, id=name) for name, file in ALL]


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def layer_of(module: str) -> str:
    """`smartticket_daemon.journal.work` is of the layer `journal`; the other packages are one layer each."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "smartticket_daemon" and rest else package


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Every module that a file names in an import, in whatever function or block."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            known = {module for module, _ in ALL}
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else str(node.module)


def test_every_layer_is_known() -> None:
    found = {layer_of(name) for name, _ in ALL}
    assert found - ENTRY_POINTS <= set(ARROWS), "draw the new layer's arrows in ARROWS"


@pytest.mark.parametrize(("name", "file"), FILES)
def test_arrows_go_down_only(name: str, file: Path) -> None:
    layer = layer_of(name)
    ours = {
        layer_of(module) for module in imported(name, parsed(file)) if module.partition(".")[0] in PACKAGES
    }
    if layer in ENTRY_POINTS:
        return
    assert ours - {layer} <= {"smartticket_daemon", *ARROWS[layer]} | ({layer} & ours), (
        f"{name} reaches too far"
    )
    assert ours.isdisjoint(ENTRY_POINTS), f"{name} imports an entry point"


def test_the_values_need_the_standard_library_alone() -> None:
    used: set[str] = set()
    for name in ("domain", "words"):
        used |= set(imported(name, parsed(PACKAGES["smartticket_daemon"] / f"{name}.py")))
    own = {module for module in used if module.startswith("smartticket_daemon.words")}
    assert {module.partition(".")[0] for module in used - own} <= sys.stdlib_module_names


@pytest.mark.parametrize("package", ["smartticket_daemon", "smartticket_connectors", "smartticket_model"])
def test_nothing_of_the_runtime_needs_the_training_libraries(package: str) -> None:
    heavy = {"sklearn", "pandas", "joblib", "scipy", "pickle", "smartticket_training"}
    for name, file in ALL:
        if name.startswith(package) and layer_of(name) not in ENTRY_POINTS:
            assert heavy.isdisjoint(module.partition(".")[0] for module in imported(name, parsed(file))), name


def test_an_import_inside_a_function_counts() -> None:
    tree = ast.parse(
        "def f():\n    if True:\n        from smartticket_daemon.cli import app\n    import a.b\n"
    )
    assert set(imported("x", tree)) == {"smartticket_daemon.cli.app", "a.b"}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without the signature, which is long where it declares options of a command, and the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize(("name", "file"), FILES)
def test_files_and_functions_stay_small(name: str, file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) < LINES
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = body_lines(node)
            assert length <= FUNCTION_LINES, f"{name}.{node.name} has {length} lines"


CHECKS = {
    str(file.relative_to(ROOT)): file
    for folder in ("tests", "bench")
    for file in sorted((ROOT / folder).rglob("*.py"))
}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_files_of_tests_and_measurements_stay_small(name: str) -> None:
    assert len(CHECKS[name].read_text("utf-8").splitlines()) < LINES


_MACHINE = re.compile(r"/(?:work|root|home)/|\.\./shared|['\"/]shared/")


def shipped() -> list[Path]:
    """Every text that the wheel or the image takes along."""
    suffixes = {".py", ".txt", ".toml", ".json", ".jsonl", ".md", ".service", ".csv"}
    return [f for folder in PACKAGES.values() for f in folder.rglob("*") if f.suffix in suffixes]


def test_nothing_names_this_machine() -> None:
    found = [str(file) for file in shipped() if _MACHINE.search(file.read_text("utf-8"))]
    assert found == []
