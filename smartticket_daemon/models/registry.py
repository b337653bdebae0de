"""The registry: which models were promoted, when, on what grounds, and which comes back on a roll-back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from smartticket_daemon.errors import ConfigurationError
from smartticket_model import Model


@dataclass(frozen=True, slots=True)
class Kept:
    """One artifact of the shelf. `trained` is when its folder was written, `origin` where that lay.

    `metrics` are those of its training: of the rows that were held out, else out of fold.
    """

    digest: str
    trained: str
    origin: str
    rows: int
    categories: tuple[str, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, origin: str, trained: str = "") -> Kept:
        """What is written down of a model."""
        told = model.manifest
        figures = told.get("held_out") or told["metrics"]
        metrics = {name: value for name, value in figures.items() if isinstance(value, int | float)}
        return cls(model.digest, trained, origin, int(told["data"]["rows"]), model.categories, metrics)


@dataclass(frozen=True, slots=True)
class Step:
    """One promotion or roll-back from the model `before` to the model `digest`; None: the shipped default.

    `data`, `rows` and `compared` tell what it was compared on and with what result, `against` what spoke
    against it and was overruled.
    """

    at: str
    command: Literal["promote", "rollback"]
    digest: str | None
    before: str | None
    data: str | None = None
    rows: int | None = None
    compared: Mapping[str, Any] | None = None
    against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """Models by their first promotion, steps by their time."""

    models: tuple[Kept, ...] = ()
    steps: tuple[Step, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Registry:
        """What stands in the file; empty where there is none. Raises ConfigurationError."""
        try:
            told = json.loads(path.read_bytes())
            models = tuple(Kept(**{**m, "categories": tuple(m["categories"])}) for m in told["models"])
            return cls(models, tuple(Step(**{**s, "against": tuple(s["against"])}) for s in told["steps"]))
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, TypeError, KeyError):
            raise ConfigurationError(f"{path} is damaged; put back a copy, or move it away") from None

    def content(self) -> bytes:
        """The file's bytes."""
        told = {"models": [asdict(m) for m in self.models], "steps": [asdict(s) for s in self.steps]}
        return json.dumps(told, indent=2).encode("ascii") + b"\n"

    def with_model(self, kept: Kept) -> Registry:
        """A model that is known already keeps its place."""
        if any(known.digest == kept.digest for known in self.models):
            return self
        return replace(self, models=(*self.models, kept))

    def with_step(self, step: Step) -> Registry:
        """Another line of the history."""
        return replace(self, steps=(*self.steps, step))

    def settled(self, chosen: str | None) -> Registry:
        """Without a last step that was never carried out: the folder `chosen` is still the one before."""
        if (
            not self.steps
            or _names(self.steps[-1].digest, chosen)
            or not _names(self.steps[-1].before, chosen)
        ):
            return self
        return replace(self, steps=self.steps[:-1])

    def line(self) -> list[str | None]:
        """The models that roll-backs go back through: the shipped default, ..., the present one."""
        line: list[str | None] = [None]
        for step in self.steps:
            if step.command == "promote" and step.digest != line[-1]:
                line.append(step.digest)
            elif step.command == "rollback" and len(line) > 1:
                line.pop()
        return line

    def model(self, digest: str | None) -> Kept | None:
        """What is known of a model."""
        return next((kept for kept in self.models if kept.digest == digest), None)

    def last(self, digest: str | None) -> Step | None:
        """When and how this model was chosen last."""
        return next((step for step in reversed(self.steps) if step.digest == digest), None)


def _names(digest: str | None, folder: str | None) -> bool:
    return digest is None if folder is None else digest is not None and digest.startswith(folder)
