"""Every trouble of the file system becomes one of our errors, and says nothing about the mail."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from smartticket_connectors.folder.border import ours, translated
from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RejectedError,
    SmartTicketError,
    TransientError,
    Unreachable,
)

HERE = Path("/srv/mail")


def subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_number_is_mapped(number: int) -> None:
    error = ours(OSError(number, "secret.eml", "secret.eml"), HERE)
    assert isinstance(error, ConfigurationError | TransientError | RejectedError)
    assert "secret" not in str(error)
    assert "/srv/mail" in str(error)


@pytest.mark.parametrize("kind", sorted(subclasses(OSError), key=lambda kind: kind.__name__))
def test_every_class_is_mapped(kind: type[OSError]) -> None:
    with pytest.raises(SmartTicketError) as caught, translated(HERE):
        raise kind.__new__(kind, "secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, ConfigurationError),
        (errno.EACCES, AccessDenied),
        (errno.EROFS, AccessDenied),
        (errno.ENAMETOOLONG, RejectedError),
        (errno.ENOSPC, Unreachable),
        (errno.EDQUOT, Unreachable),
        (errno.EIO, Unreachable),
        (errno.ESTALE, Unreachable),
    ],
)
def test_the_operator_is_told_what_to_do(number: int, kind: type[SmartTicketError]) -> None:
    assert type(ours(OSError(number, "x"), HERE)) is kind
