"""Where the parts of a training run: in threads or processes here, or on the workers of a Dask cluster."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import Any

from smartticket_daemon.errors import ConfigurationError, Unreachable

PACKAGES = ("smartticket", "mmh3", "numpy", "scikit-learn", "scipy")
"""Workers must have the same versions of these, or the model would not be the same."""

_ADDRESS = re.compile("(tcp|tls|wss?)://")
_PATIENCE = 10
"""Seconds to wait for the scheduler, and for its first worker."""


@contextmanager
def running_on(backend: str, jobs: int) -> Iterator[None]:
    """Let joblib run `jobs` parts at once on one of its back-ends, or where a Dask scheduler has them run.

    Such a `backend` is the scheduler's address, as tcp://10.0.0.5:8786. Raises ConfigurationError, and
    Unreachable where no scheduler answers or it has no workers.
    """
    from joblib import parallel_config

    with ExitStack() as stack:
        if _ADDRESS.match(backend):
            client = stack.enter_context(_client(backend))
            stack.enter_context(parallel_config("dask", n_jobs=jobs, client=client))
        else:
            stack.enter_context(_known(backend, jobs))
        yield


def check_backend(name: str) -> None:
    """Raise what `running_on` raises, before any work is done."""
    with running_on(name, 1):
        pass


def _known(backend: str, jobs: int) -> Any:
    from joblib import parallel_config

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return parallel_config(backend, n_jobs=jobs)
    except (ValueError, ImportError, UserWarning):
        hint = "name the address of its scheduler, as tcp://10.0.0.5:8786"
        words = hint if backend == "dask" else "threading and loky always work"
        raise ConfigurationError(f"joblib has no back-end {backend} here; {words}") from None


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """A connection to the scheduler, whose workers can do what we ask."""
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import CommClosedError
    except ImportError:
        raise ConfigurationError(
            "a Dask cluster needs the package distributed here, too; install it"
        ) from None
    try:
        client = Client(address, set_as_default=False, timeout=_PATIENCE)
    except (OSError, ValueError):
        raise Unreachable(f"no Dask scheduler answers at {address}") from None
    except (TypeError, AssertionError, RuntimeError):  # no certificates, no port, encryption asked for
        mend = "look at the address, and at Dask's own settings for tls"
        raise ConfigurationError(f"Dask cannot use the address {address}; {mend}") from None
    with client:
        _refuse_workers(client, address)
        try:
            yield client
        except (KilledWorker, CommClosedError, CancelledError):
            raise Unreachable(f"the Dask cluster at {address} was lost while it worked") from None


def _refuse_workers(client: Any, address: str) -> None:
    """Raises ConfigurationError for the first worker that is not made as we are."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise Unreachable(f"the Dask scheduler at {address} has no workers") from None
    for name in PACKAGES:
        ours = version(name)
        try:
            found = client.run(version, name)
        except ImportError:
            raise ConfigurationError(
                f"a worker of {address} lacks {name}: install smartticket[training]"
            ) from None
        for worker, theirs in sorted(found.items()):
            if theirs != ours:
                raise ConfigurationError(f"the worker {worker} has {name} {theirs}, here is {ours}")
