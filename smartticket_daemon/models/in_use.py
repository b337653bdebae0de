"""The model that judges: looked at before each batch, replaced when another one stands in its place."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from smartticket_daemon.errors import ConfigurationError
from smartticket_model import Model, artifact

log = structlog.get_logger()

NOTE = "model.json"
"""File of the state directory that tells `status` which model judges."""

Sign = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class InUse:
    """The model that judges, since when, and why the one that was promoted since does not ("": it does)."""

    digest: str
    since: str
    error: str = ""

    @property
    def exit_code(self) -> int:
        """78 until the promoted model can be used or another one is promoted."""
        return ConfigurationError.exit_code if self.error else 0


def read_in_use(state_dir: Path) -> InUse | None:
    """What the daemon wrote last; None where it never did."""
    try:
        return InUse(**json.loads((state_dir / NOTE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class ModelInUse:
    """Calling it gives the model for the next batch; any number of threads may.

    `find` names the artifact's folder of this moment (None: the shipped default, which stays as it is),
    `load` reads it and sees that it fits the settings. Raises ConfigurationError (or ModelError) when the
    first model cannot be used; a later one that cannot is refused, and the one before goes on judging.
    """

    def __init__(
        self,
        find: Callable[[], Path | None],
        load: Callable[[Path | None], Model],
        state_dir: Path | None = None,
    ) -> None:
        self._find = find
        self._load = load
        self._note = state_dir / NOTE if state_dir else None
        self._lock = threading.Lock()
        self._told = (read_in_use(state_dir) if state_dir else None) or InUse("", "")
        folder = find()
        self._sign = _sign(folder)
        try:
            self._model = load(folder)
        except ConfigurationError as error:
            self._tell(replace(self._told, error=str(error)))
            raise
        self._begin(self._model)

    def __call__(self) -> Model:
        """Costs two looks at the disk where nothing has changed."""
        with self._lock:
            folder = self._find()
            sign = _sign(folder)
            if sign != self._sign:
                self._sign = sign
                self._renew(folder)
            return self._model

    def _renew(self, folder: Path | None) -> None:
        try:
            model = self._load(folder)
        except ConfigurationError as error:
            log.error("model_refused", at_work=self._model.digest[:12], error=str(error))
            self._tell(replace(self._told, error=str(error)))
            return
        if model.digest != self._model.digest:
            log.info("model_loaded", digest=model.digest, before=self._model.digest)
            self._model = model
        self._begin(self._model)

    def _begin(self, model: Model) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        since = self._told.since if self._told.digest == model.digest else now
        self._tell(InUse(model.digest, since))

    def _tell(self, told: InUse) -> None:
        """A note that cannot be written must not keep anybody from judging."""
        changed, self._told = told != self._told, told
        if self._note is None or not changed:
            return
        try:
            artifact.put(self._note, json.dumps(asdict(told)).encode("ascii"))
        except OSError as error:
            log.warning("model_note_not_written", error=error.strerror)


def _sign(folder: Path | None) -> Sign:
    """Equal as long as the same artifact lies there."""
    if folder is None:
        return ()
    try:
        state = (folder / artifact.MANIFEST).stat()
        return os.path.realpath(folder), state.st_ino, state.st_mtime_ns, state.st_size
    except OSError:
        return (os.path.realpath(folder),)
