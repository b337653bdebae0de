"""The model as a folder: `manifest.json` and plain arrays, nothing that can run.

The manifest is canonical JSON (sorted keys, two spaces) with a `checksum` over the rest of itself and size,
type, shape and SHA-256 of every array file, so that a single changed byte anywhere is refused. Arrays are
raw little-endian numbers in row order. File names carry their content's hash and the manifest is renamed
into place last, so a reader sees either the old model or the new one. The digest of the artifact is the
SHA-256 of the manifest's bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartticket_daemon.errors import ModelError

FORMAT = 2
MANIFEST = "manifest.json"
CARD = "MODEL_CARD.md"
"""Beside these, where one was written: the model in plain words. It is no part of the digest."""

MAX_MANIFEST = 16 << 20
MAX_FILE = 1 << 30

Arrays = Mapping[str, NDArray[Any]]

_DTYPES = {"uint32": "<u4", "uint64": "<u8", "float16": "<f2", "float32": "<f4", "float64": "<f8"}
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}\.[0-9a-f]{12}\.bin", re.ASCII)
_MEND = "train it again, or put back a good copy"


def write(folder: Path, manifest: Mapping[str, Any], arrays: Arrays) -> str:
    """Write a model and return its digest; an older model in the folder is replaced at one stroke.

    Raises ModelError when the folder cannot be written.
    """
    try:
        return _write(folder, manifest, arrays)
    except OSError as error:
        raise ModelError(f"cannot write the model {folder}: {error.strerror}") from None


def _write(folder: Path, manifest: Mapping[str, Any], arrays: Arrays) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for key, array in sorted(arrays.items()):
        data = np.ascontiguousarray(array, dtype=_DTYPES[array.dtype.name]).tobytes()
        sha = hashlib.sha256(data).hexdigest()
        files[key] = {
            "name": f"{key}.{sha[:12]}.bin",
            "bytes": len(data),
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "sha256": sha,
        }
        put(folder / f"{key}.{sha[:12]}.bin", data)
    content = _seal({**manifest, "format": FORMAT, "files": files})
    (folder / CARD).unlink(missing_ok=True)  # it told of the model before
    put(folder / MANIFEST, content)
    _remove_all_but(folder, {str(f["name"]) for f in files.values()})
    return hashlib.sha256(content).hexdigest()


def read(folder: Path, digest: str | None = None) -> tuple[dict[str, Any], dict[str, NDArray[Any]], str]:
    """Manifest, arrays and digest; the very bytes that were checked are those that are used.

    Raises ModelError when anything is missing, damaged, too large, of another format, or not what `digest`
    (64 hexadecimal digits) asks for.
    """
    content = _get(folder / MANIFEST, MAX_MANIFEST)
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and not hmac.compare_digest(found.encode(), digest.lower().encode()):
        raise ModelError(f"model {folder} is not the one the settings ask for; its digest is {found}")
    try:
        manifest = _unseal(content)
        arrays = {str(key): _array(folder, entry) for key, entry in manifest["files"].items()}
    except ModelError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise ModelError(f"model {folder} is damaged: {MANIFEST} does not hold together; {_MEND}") from None
    return manifest, arrays, found


def _seal(manifest: dict[str, Any]) -> bytes:
    checksum = hashlib.sha256(_canonical(manifest)).hexdigest()
    return _canonical({**manifest, "checksum": checksum})


def _unseal(content: bytes) -> dict[str, Any]:
    manifest = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    if not isinstance(manifest, dict):
        raise TypeError
    if (form := manifest.get("format")) != FORMAT:
        said = form if isinstance(form, int) else "unknown"
        raise ModelError(f"model format {said} cannot be read here, only {FORMAT}; train it again")
    bare = {key: value for key, value in manifest.items() if key != "checksum"}
    if content != _seal(bare):
        raise ValueError
    return bare


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def _refuse(_: str) -> None:
    raise ValueError


def _array(folder: Path, entry: Mapping[str, Any]) -> NDArray[Any]:
    name, size, shape = entry["name"], entry["bytes"], tuple(entry["shape"])
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    if not _NAME.fullmatch(name) or not all(type(n) is int and n >= 0 for n in (size, *shape)):
        raise ValueError
    if size > MAX_FILE or math.prod(shape) * dtype.itemsize != size:
        raise ModelError(f"model file {folder / name} has an impossible size; {_MEND}")
    data = _get(folder / name, size)
    if len(data) != size or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ModelError(f"model file {folder / name} is damaged (its SHA-256 differs); {_MEND}")
    array = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelError(f"model file {folder / name} holds numbers that are not finite; {_MEND}")
    return array


def _get(path: Path, limit: int) -> bytes:
    """The file's bytes, never more than `limit`."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ModelError(f"model file {path} is not a plain file; {_MEND}")
        if state.st_size > limit:
            raise ModelError(f"model file {path} is larger than it may be; {_MEND}")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"cannot read the model file {path}: {error.strerror}") from None
    except ValueError:
        raise ModelError("cannot read the model: its path holds a NUL") from None
    if len(data) > limit:
        raise ModelError(f"model file {path} is larger than it may be; {_MEND}")
    return data


def put(path: Path, data: bytes) -> None:
    """Write aside, reach the disk, rename."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_all_but(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and path.name not in names:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
