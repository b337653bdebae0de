"""Artifacts for tests, made from the shipped one: as good, or worse; and rows to compare on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from smartticket_model import artifact
from smartticket_model.runtime import DEFAULT
from smartticket_training.api import train_on
from smartticket_training.corpus import dataset, load_corpus
from smartticket_training.fit import Options


def another(folder: Path, number: int) -> str:
    """Judges as the shipped model does; its digest."""
    manifest, arrays, _ = artifact.read(DEFAULT)
    manifest["data"]["seed"] = number
    return _write(folder, manifest, arrays)


def little(folder: Path, number: int) -> str:
    """A small model of a few texts, quick to load; its digest."""
    texts = dataset([t for t in load_corpus() if t.language == "nl"][number::4])
    return train_on(texts, folder, options=Options("word")).digest


def confused(folder: Path, first: str = "billing", second: str = "technical_issue") -> str:
    """Takes two categories for each other; its digest."""
    manifest, arrays, _ = artifact.read(DEFAULT)
    labels = manifest["heads"]["category"]["labels"]
    places = np.arange(arrays[_weights(arrays)].shape[1])
    one, two = labels.index(first), labels.index(second)
    places[[one, two]] = places[[two, one]]
    for key in (_weights(arrays), _weights(arrays).replace("weights", "bias")):
        arrays[key] = np.ascontiguousarray(arrays[key][..., places])
    return _write(folder, manifest, arrays)


def renamed(folder: Path, old: str = "billing", new: str = "payments") -> str:
    """Calls one category by another name; its digest."""
    manifest, arrays, _ = artifact.read(DEFAULT)
    head = manifest["heads"]["category"]
    head["labels"] = [new if label == old else label for label in head["labels"]]
    return _write(folder, manifest, arrays)


def _weights(arrays: dict[str, Any]) -> str:
    return next(key for key in arrays if key.endswith("weights"))


def _write(folder: Path, manifest: dict[str, Any], arrays: dict[str, Any]) -> str:
    for key in ("format", "files"):
        manifest.pop(key, None)
    return artifact.write(folder, manifest, arrays)


def rows(path: Path, step: int = 20) -> Path:
    """A data file with every `step`-th text of the corpus: columns subject, body, label, sender."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(load_corpus()[::step]):
            told = {"subject": text.subject, "body": text.body, "label": text.category}
            file.write(json.dumps({**told, "sender": f"sender{number // 2}"}) + "\n")
    return path
