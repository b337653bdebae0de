"""Cut py3langid's table of languages down to the few that replies exist in, small enough for an artifact.

Its licence lies beside the runtime as `LICENSE.py3langid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartticket_model.language import LONGEST, SHORTEST, ngram_code

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "nl")
SOURCE = (
    "py3langid (BSD-3-Clause; Copyright 2011 Marco Lui, 2021 Adrien Barbaresi; "
    "based on research by Marco Lui and Tim Baldwin), reduced"
)
KEPT = 16_384
"""How many n-grams are kept: those whose weights differ most between the languages."""


@cache
def language_head() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Manifest entry and arrays of the language head; the same for every model."""
    from py3langid.modelio import load_model

    with as_file(files("py3langid") / "data" / "model.npz.xz") as path:
        logs, prior, classes, moves, rows, outputs = load_model(path)
    columns = [classes.index(code) for code in LANGUAGES]
    logs = logs[:, columns]
    spread = logs.max(axis=1).astype(np.float32) - logs.min(axis=1)
    codes, features = _ngrams(np.asarray(moves), np.asarray(rows), outputs)
    kept = np.argsort(-spread[features], kind="stable")[:KEPT]
    kept = kept[np.argsort(codes[kept])]
    arrays = {
        "language.codes": codes[kept],
        "language.logs": logs[features[kept]].astype(np.float16),
        "language.prior": np.asarray(prior)[columns].astype(np.float32),
    }
    return {"labels": list(LANGUAGES), "source": SOURCE}, arrays


def _ngrams(
    moves: NDArray[Any], rows: NDArray[Any], outputs: Sequence[int]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Every n-gram the automaton ends a feature on, as code, and that feature's number.

    The automaton reads bytes: the shortest way to a state spells its n-gram, so a walk by breadth finds all.
    """
    table = moves.reshape(-1, 256)
    spelled = {0: b""}
    level = [0]
    for _ in range(LONGEST):
        following = []
        for state in level:
            for byte, target in enumerate(table[rows[state]].tolist()):
                if target not in spelled:
                    spelled[target] = spelled[state] + bytes((byte,))
                    following.append(target)
        level = following
    found = [
        (ngram_code(s), outputs[n]) for n, s in spelled.items() if len(s) >= SHORTEST and outputs[n] >= 0
    ]
    codes, features = zip(*sorted(found), strict=True)
    return np.array(codes, dtype=np.uint64), np.array(features, dtype=np.int64)
