"""A pytest plug-in: the fixtures `bench` and `town`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Clock
from tests.doubles.freshdesk import FreshdeskDouble
from tests.doubles.freshdesk_bench import Bench
from tests.doubles.freshdesk_town import Town


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = Clock()
    with FreshdeskDouble(clock) as double:
        bench = Bench(double, clock, tmp_path)
        yield bench
        assert double.errors == []
        assert double.violations == []
        assert bench.harness.public() == 0


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    clock = Clock()
    with FreshdeskDouble(clock) as double:
        yield Town(double, clock, tmp_path)
        assert double.errors == []
        assert double.violations == []
