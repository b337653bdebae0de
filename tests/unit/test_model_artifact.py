"""A model that was damaged, cut, forged or made for something else is refused in words, and only so."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartticket_daemon.errors import ModelError
from smartticket_model import artifact, load
from smartticket_model.runtime import DEFAULT

FLIPS = int(os.environ.get("SMARTTICKET_FLIPS", "100"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "model"))


def forge(
    folder: Path,
    change: Callable[[dict[str, Any], dict[str, Any]], object],
) -> Path:
    """The model with manifest or arrays changed by somebody who knows how to seal it again."""
    manifest, arrays, _ = artifact.read(folder)
    loose: dict[str, Any] = {key: array.copy() for key, array in arrays.items()}
    change(manifest, loose)
    artifact.write(folder, manifest, loose)
    return folder


def flip(folder: Path, count: int, seed: int) -> None:
    """Change one byte of one file at a time; each must be refused."""
    generator = random.Random(seed)
    files = [(path, path.read_bytes()) for path in sorted(folder.iterdir()) if path.name != artifact.CARD]
    for number in range(count):
        path, good = files[number % len(files)]
        bad = bytearray(good)
        bad[generator.randrange(len(good))] ^= generator.randrange(1, 256)
        path.write_bytes(bad)
        with pytest.raises(ModelError):
            load(folder)
        path.write_bytes(good)
    load(folder)


def test_every_flipped_byte_is_refused(folder: Path) -> None:
    flip(folder, FLIPS, seed=7)


def test_ten_thousand_flipped_bytes_are_refused(tmp_path: Path) -> None:
    """On a model cut down to what loads fast: hashing is most of the work."""
    manifest, arrays, _ = artifact.read(DEFAULT)
    few = {key: array[:50] for key, array in arrays.items() if key.startswith("language.") and len(array) > 9}
    blocks = manifest["features"]["blocks"]
    starts = np.cumsum([0, *(block["terms"] for block in blocks)])[:-1]
    kept = np.concatenate([np.arange(start, start + 20) for start in starts])
    for block in blocks:
        block["terms"] = 20
    manifest["metrics"], manifest["heads"]["category"]["curve"] = {}, {}
    manifest["heads"]["language"].pop("source")
    few |= {key: arrays[key][kept] for key in ("slots", "frequencies", "weights")}
    artifact.write(tmp_path, manifest, {**arrays, **few})
    flip(tmp_path, 10_000, seed=8)


@pytest.mark.parametrize("part", ["manifest.json", "slots", "weights", "language.codes"])
@pytest.mark.parametrize("harm", ["cut", "longer", "emptied", "gone", "folder", "fifo"])
def test_harm_to_a_file_is_refused(folder: Path, part: str, harm: str) -> None:
    path = next(folder.glob(f"{part}*"))
    good = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm == "fifo":
        os.mkfifo(path)
    elif harm != "gone":
        path.write_bytes({"cut": good[:-1], "longer": good + b"\0", "emptied": b""}[harm])
    with pytest.raises(ModelError, match=path.name if part != "manifest.json" else "manifest"):
        load(folder)


@pytest.mark.parametrize("part", ["manifest.json", "weights"])
def test_a_file_of_terabytes_is_refused_unread(folder: Path, part: str) -> None:
    os.truncate(next(folder.glob(f"{part}*")), 1 << 40)
    with pytest.raises(ModelError, match="larger than it may be"):
        load(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"format": 2}', b"[" * 200_000, b'{"format": 2, "files": 3}'],
)
def test_a_manifest_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelError):
        load(folder)


def test_another_format_is_named(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"format": 2', b'"format": 1'))
    with pytest.raises(ModelError, match="model format 1 cannot be read"):
        load(folder)


def test_the_pinned_digest_must_be_that_of_the_artifact(folder: Path) -> None:
    digest = load(folder).digest
    assert load(folder, digest=digest.upper()).digest == digest
    for wrong in ("0" * 64, digest[:-1], "", "\u00e9"):
        with pytest.raises(ModelError, match=digest):
            load(folder, digest=wrong)


def test_a_forged_model_with_a_true_seal_is_not_the_pinned_one(folder: Path) -> None:
    digest = load(folder).digest
    forge(folder, lambda manifest, _: manifest["heads"]["category"]["thresholds"].update(billing=0.0))
    assert load(folder).thresholds["billing"] == 0.0
    with pytest.raises(ModelError, match="not the one the settings ask for"):
        load(folder, digest=digest)


FORGERIES: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "infinite weights": lambda _, a: a["weights"].__setitem__((3, 3), np.inf),
    "weights too few": lambda _, a: a.update({"weights": a["weights"][:-1]}),
    "bias missing": lambda _, a: a.pop("bias"),
    "slots unsorted": lambda _, a: a["slots"].__setitem__(slice(0, 2), a["slots"][1::-1].copy()),
    "slots out of range": lambda _, a: a["slots"].__setitem__(-1, 2**31),
    "no terms": lambda m, _: m["features"].update(blocks=[]),
    "terms do not add up": lambda m, _: m["features"]["blocks"][0].update(terms=1),
    "terms below zero": lambda m, _: m["features"]["blocks"][0].update(terms=-1),
    "unknown view": lambda m, _: m["features"]["blocks"][0].update(view="header"),
    "endless n-grams": lambda m, _: m["features"]["blocks"][0].update(high=10**9),
    "documents missing": lambda m, _: m["features"].pop("documents"),
    "documents too few": lambda m, _: m["features"].update(documents=1),
    "a label twice": lambda m, _: m["heads"]["category"]["labels"].__setitem__(0, "billing"),
    "a label no text": lambda m, _: m["heads"]["category"]["labels"].__setitem__(0, 7),
    "labels no list": lambda m, _: m["heads"]["category"].update(labels=3),
    "thresholds no mapping": lambda m, _: m["heads"]["category"].update(thresholds=[1]),
    "curve no mapping": lambda m, _: m["heads"]["category"].update(curve=None),
    "no heads": lambda m, _: m.pop("heads"),
    "background no truth": lambda m, _: m["heads"]["category"].update(background=1),
    "background without its column": lambda m, _: m["heads"]["category"].update(background=False),
    "scope missing": lambda m, _: m.pop("scope"),
    "scope of too few signs": lambda m, _: m["scope"].update(weights=[1.0]),
    "a head without labels": lambda m, _: m["heads"]["further"]["priority"].pop("labels"),
    "a head of one label": lambda m, _: m["heads"]["further"]["priority"].update(labels=["high"]),
    "a head gone": lambda m, _: m["heads"]["further"].pop("sentiment"),
    "languages too many": lambda m, _: m["heads"]["language"]["labels"].append("xx"),
    "language codes unsorted": lambda _, a: a.update({"language.codes": a["language.codes"][::-1]}),
    "language logs gone": lambda _, a: a.pop("language.logs"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_sealed_model_that_does_not_hold_together_is_refused(folder: Path, name: str) -> None:
    forge(folder, FORGERIES[name])
    with pytest.raises(ModelError):
        load(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "../../secret.000000000000.bin"},
        {"name": "/etc/passwd"},
        {"name": None},
        {"bytes": 1 << 62, "shape": [1 << 60]},
        {"bytes": -4},
        {"shape": [-1]},
        {"shape": "8"},
        {"dtype": "object"},
        {"sha256": None},
        {"bytes": True},
    ],
    ids=str,
)
def test_a_sealed_list_of_files_cannot_lead_astray(folder: Path, entry: dict[str, Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.pop("checksum")
    manifest["files"]["bias"].update(entry)
    (folder / "manifest.json").write_bytes(artifact._seal(manifest))
    with pytest.raises(ModelError):
        load(folder)


@pytest.mark.parametrize("path", ["nowhere", "file", "a\0b"])
def test_a_path_without_a_model_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="cannot read"):
        load(tmp_path / path)


def test_writing_again_leaves_one_model_and_nothing_aside(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    forge(folder, lambda _, arrays: arrays["bias"].__imul__(2))
    after = {path.name for path in folder.iterdir()}
    assert before - after == {artifact.CARD, *(n for n in before if n.startswith("bias."))}, "not its card"
    assert len(after) == len(before) - 1
    assert load(folder).digest != load().digest


def test_a_folder_that_cannot_be_written_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="cannot write the model"):
        artifact.write(tmp_path / "file" / "model", {}, {})


def test_the_shipped_model_is_small_and_holds_numbers_only_and_its_card() -> None:
    files = list(DEFAULT.iterdir())
    assert sum(path.stat().st_size for path in files) <= 5_000_000
    assert {path.name for path in files if path.suffix not in {".json", ".bin"}} == {artifact.CARD}
