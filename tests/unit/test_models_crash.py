"""Killed between any two changes of the disk, a promotion leaves a model that can judge, and a way on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.models import Shelf, Step
from smartticket_model import load
from tests.artifacts import little

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
"""The forked child leaves by a kill or by its exit code, without returning to pytest."""


def promote(shelf: Shelf, digest: str, folder: Path) -> None:
    with shelf.held():
        shelf.choose(Step("2026-11-23T09:00:00+00:00", "promote", digest, shelf.judging()), folder)


CHANGES = ("fsync", "rename", "replace", "symlink", "mkdir", "unlink", "chmod")


def die_at(number: int) -> None:
    """The kernel's calls that change the disk, counted; this process does not live to see this one."""
    left = iter(range(number, -1, -1))

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            if next(left, None) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return run

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))


def killed(shelf: Shelf, digest: str, folder: Path, at: int) -> bool:
    """Whether a process that promotes died before it was done."""
    pid = os.fork()
    if pid == 0:
        try:
            die_at(at)
            promote(shelf, digest, folder)
            os._exit(0)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_at_every_change_it_leaves_the_old_model_or_the_new_one(tmp_path: Path) -> None:
    first, second = little(tmp_path / "1", 1), little(tmp_path / "2", 2)
    judged: list[str | None] = []
    at = 0
    while True:
        shelf = Shelf(tmp_path / f"state{at}")
        promote(shelf, first, tmp_path / "1")
        dead = killed(shelf, second, tmp_path / "2", at)
        judged.append(shelf.judging())
        assert load(shelf.current).digest == judged[-1]
        assert shelf.registry().line() == [None, first, second][: 3 if judged[-1] == second else 2]
        promote(shelf, second, tmp_path / "2")
        assert load(shelf.current).digest == shelf.judging() == second
        assert shelf.registry().line() == [None, first, second]
        assert not [f.name for f in shelf.folder.iterdir() if f.name.startswith(".")]
        if not dead:
            break
        at += 1
    assert at > 15
    turn = judged.index(second)
    assert turn > 0
    assert judged == [first] * turn + [second] * (len(judged) - turn)
