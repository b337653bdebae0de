import importlib
import pkgutil
import re

import pytest

import smartticket_config
import smartticket_connectors
import smartticket_daemon
import smartticket_model
import smartticket_training
from smartticket_daemon import errors
from smartticket_daemon.errors import RateLimited, SmartTicketError, TransientError

PACKAGES = (
    smartticket_daemon,
    smartticket_config,
    smartticket_connectors,
    smartticket_model,
    smartticket_training,
)
_LINE = re.compile(r"^(?P<indent>[│├└─\s]*)(?P<name>[A-Z]\w+)(?:\s{2,}.*?(?:exit (?P<code>\d+))?)?$")


def all_errors(root: type[SmartTicketError] = SmartTicketError) -> set[type[SmartTicketError]]:
    return {root}.union(*(all_errors(child) for child in root.__subclasses__()))


def of_the_tree() -> set[type[SmartTicketError]]:
    """Those that errors.py itself defines; what else was imported by now does not matter."""
    return {c for c in all_errors() if c.__module__ == errors.__name__}


def drawn() -> list[tuple[str, int, int | None]]:
    """(name, depth, exit code) of every line of the tree in the module's docstring."""
    lines = (errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0].splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    matches = [match for match in found if match]
    return [(m["name"], len(m["indent"]) // 4, int(m["code"]) if m["code"] else None) for m in matches]


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    parents: list[str] = []
    shown = {}
    for name, depth, code in drawn():
        parents[depth:] = [name]
        shown[name] = (parents[depth - 1] if depth else "Exception", code)
    here = of_the_tree()
    assert set(shown) == {c.__name__ for c in here}
    for error in here:
        parent, code = shown[error.__name__]
        assert error.__base__ is not None
        assert error.__base__.__name__ == parent, error
        if error is not SmartTicketError:
            inherited = error.__base__.exit_code
            assert error.exit_code == (code if code is not None else inherited), error


def test_only_connectors_and_http_refine_the_tree_and_change_no_exit_code() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)
    strangers = {
        c for c in all_errors() if c.__module__ != errors.__name__ and c.__module__.startswith("smartticket")
    }
    assert {c for c in strangers if "exit_code" in vars(c)} == set(), "give it a place in errors.py"
    assert all(
        c.__module__.startswith(("smartticket_connectors.", "smartticket_daemon.http.")) for c in strangers
    )


@pytest.mark.parametrize("error", sorted(of_the_tree(), key=lambda c: c.__name__))
def test_every_error_speaks_even_without_words(error: type[SmartTicketError]) -> None:
    assert str(error("")) or error.__name__ == "Overtaken"


def test_the_wait_of_a_transient_error_is_optional() -> None:
    assert TransientError("later").retry_after is None
    assert RateLimited("later", retry_after=3.5).retry_after == 3.5
