"""`state_dir/models`: a folder for each promoted artifact, the registry, and the link `current`.

    models/3f2a9c01b7de/    an artifact as `train` wrote it, under the beginning of its digest
    models/registry.json    what was put here, and every promotion and roll-back
    models/current          a link to the artifact that judges; absent: the shipped default does

Every change is written aside and renamed into place, the registry before the link: a process that is
killed half-way leaves the old model at work. All may be read by everyone, for an artifact holds no
customer's text and the daemon need not be the user who promotes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from smartticket_daemon.errors import ConfigurationError, ModelError, StateHeld
from smartticket_daemon.models.registry import Kept, Registry, Step
from smartticket_model import Model, artifact, load

NAME = 12
"""How many digits of its digest name an artifact's folder."""


class Shelf:
    """The promoted models of one state directory. Raises ConfigurationError for what the disk refuses."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "models"
        self.current = self.folder / "current"

    def chosen(self) -> str | None:
        """Name of the folder that `current` points at; None: the shipped default."""
        try:
            return self.current.readlink().name
        except OSError:
            return None

    def judging(self) -> str | None:
        """Digest of the model that `current` points at (of an unknown one its name); None: the default."""
        name = self.chosen()
        known = (kept.digest for kept in self.registry().models)
        return next((digest for digest in known if name and digest.startswith(name)), name)

    def folder_of(self, digest: str) -> Path:
        """Where the artifact of this digest lies, if it was ever put here."""
        return self.folder / digest[:NAME]

    def registry(self) -> Registry:
        """What was written down, without a last step that its process did not live to carry out."""
        return Registry.read(self.folder / "registry.json").settled(self.chosen())

    @contextmanager
    def held(self) -> Iterator[None]:
        """One change at a time. Raises StateHeld where another process is at it."""
        with _translated(self.folder):
            _folder(self.folder)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            words = f"another process changes the models in {self.folder}; wait until it is done"
            raise StateHeld(words) from None
        finally:
            os.close(handle)

    def choose(self, step: Step, folder: Path | None = None) -> None:
        """Write `step` down and let its model judge. Call it while `held`.

        `folder` is where the artifact lies that is not here yet. Raises ModelError when it is not the sound
        one that the step names.
        """
        registry = self.registry()
        with _translated(self.folder):
            if folder is not None and step.digest is not None:
                registry = registry.with_model(self._put_in(folder, step.digest))
            artifact.put(self.folder / "registry.json", registry.with_step(step).content())
            (self.folder / "registry.json").chmod(0o644)
            self._point_at(step.digest)

    def _put_in(self, source: Path, digest: str) -> Kept:
        """The artifact as it is, complete and on the disk before it has its name."""
        place, aside = self.folder_of(digest), self.folder / f".{digest[:NAME]}.new"
        if _is_sound(place, digest):
            return _described(load(place, digest), source)
        shutil.rmtree(aside, ignore_errors=True)
        _folder(aside)
        manifest = artifact.read(source, digest)[0]
        names = [artifact.MANIFEST, *(str(entry["name"]) for entry in manifest["files"].values())]
        if (source / artifact.CARD).is_file():
            names.append(artifact.CARD)
        for name in names:
            artifact.put(aside / name, (source / name).read_bytes())
            (aside / name).chmod(0o644)
        kept = _described(load(aside, digest), source)
        if place.exists():
            shutil.rmtree(place)
        aside.rename(place)
        _reach_the_disk(self.folder)
        return kept

    def _point_at(self, digest: str | None) -> None:
        """Let `current` point at the artifact at one stroke; None: take it away."""
        if digest is None:
            self.current.unlink(missing_ok=True)
        else:
            aside = self.folder / ".current.new"
            aside.unlink(missing_ok=True)
            aside.symlink_to(digest[:NAME])
            aside.replace(self.current)
        _reach_the_disk(self.folder)


def _is_sound(folder: Path, digest: str) -> bool:
    try:
        load(folder, digest)
    except ModelError:
        return False
    return True


def _described(model: Model, source: Path) -> Kept:
    trained = datetime.fromtimestamp((source / artifact.MANIFEST).stat().st_mtime, UTC)
    return Kept.of(model, str(source.absolute()), trained.isoformat(timespec="seconds"))


def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)


def _reach_the_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = (
            f"cannot write {folder}: {error.strerror}; give it room and rights, or be the user who owns it"
        )
        raise ConfigurationError(words) from None
