"""The one place where errors of the file system become ours. No name of a mail's file gets into a text."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smartticket_daemon.errors import (
    AccessDenied,
    ConfigurationError,
    RejectedError,
    SmartTicketError,
    Unreachable,
)

_WRONG_PLACE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP))
_NO_RIGHT = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_BAD_NAME = frozenset((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raises what `ours` makes of an OSError inside the block; `path` is the operator's setting."""
    try:
        yield
    except OSError as error:
        raise ours(error, path) from None


def ours(error: OSError, path: Path) -> SmartTicketError:
    """A wrong place or missing right is the operator's to mend; a full or failing disk may pass."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in _WRONG_PLACE:
        return ConfigurationError(f"{path}: {reason}; correct the setting path, or make it")
    if error.errno in _NO_RIGHT:
        return AccessDenied(f"{path}: {reason}; let the service's user read and write there")
    if error.errno in _BAD_NAME:
        return RejectedError(f"{path}: the file system refuses the name of a file or folder ({reason})")
    return Unreachable(f"{path}: {reason}")
