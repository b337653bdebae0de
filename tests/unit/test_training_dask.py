"""A training on a Dask cluster: the same bytes, and one sentence where the cluster cannot be used."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.errors import ConfigurationError, Unreachable
from smartticket_training.api import train_on
from smartticket_training.fit import Options
from smartticket_training.parallel import check_backend
from tests.unit.test_training_options import TICKETS

# What Dask itself warns of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A scheduler and two workers, processes of their own, on the loopback."""
    distributed = pytest.importorskip("distributed", reason="dask and distributed are not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    ) as made:
        yield made


def test_workers_give_the_same_bytes(cluster: Any, tmp_path: Path) -> None:
    here = train_on(TICKETS, tmp_path / "here", options=Options("word", jobs=1))
    there = train_on(TICKETS, tmp_path / "there", options=Options("word", backend=cluster.scheduler_address))
    assert there.digest == here.digest


def test_a_cluster_that_is_no_longer_there_is_told(cluster: Any) -> None:
    address = cluster.scheduler_address
    check_backend(address)
    cluster.close()
    with pytest.raises(Unreachable, match="no Dask scheduler answers at tcp:"):
        check_backend(address)


def test_what_is_no_address_is_no_back_end() -> None:
    with pytest.raises(ConfigurationError, match="threading and loky always work"):
        check_backend("http://127.0.0.1:8786")


def test_dask_without_an_address_says_what_to_name() -> None:
    with pytest.raises(ConfigurationError, match="name the address of its scheduler"):
        check_backend("dask")


def test_nobody_at_the_address() -> None:
    pytest.importorskip("distributed", reason="dask and distributed are not installed")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="no Dask scheduler answers"):
            check_backend(f"tcp://127.0.0.1:{taken.getsockname()[1]}")


def test_encryption_without_certificates() -> None:
    pytest.importorskip("distributed", reason="dask and distributed are not installed")
    with pytest.raises(ConfigurationError, match="Dask cannot use the address"):
        check_backend("tls://127.0.0.1:1")
