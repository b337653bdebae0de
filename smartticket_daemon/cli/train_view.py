"""How `smartticket train` fares, and what came of it: for people, and as one object for programs."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smartticket_daemon.cli.bar import Bar
from smartticket_daemon.cli.common import contradiction, print_json, say
from smartticket_daemon.service import Stop

STAGES = ("read", "corrections", "clean", "features", "folds", "fit", "report")
_DONE = {"keep": "kept", "merge": "merged into other", "drop": "dropped"}


class Stages(Bar):
    """Called with each stage and the share of it that is done: a bar on a terminal, a line elsewhere."""

    def __init__(self, report: Path | None, *, corrections: bool) -> None:
        super().__init__(Stop())
        self._report = report
        absent = {"report": report is None, "corrections": not corrections}
        self._stages = [stage for stage in STAGES if not absent.get(stage)]
        self._begun = time.monotonic()

    def __call__(self, stage: str, share: float) -> None:
        if self.shown:
            part = f" {share:.0%}" if 0 < share < 1 else ""
            done = self._stages.index(stage) + share
            self.show(f"{stage}{part}", completed=done, total=len(self._stages))
        elif share == 0.0:
            say(f"{stage} ...")

    def conclude(self, trained: Any, small_classes: str, pipeline: Path | None, *, as_json: bool) -> None:
        """What came of it, in words on standard error, and on standard output as JSON where asked for."""
        say_trained(trained, small_classes)
        if self._report:
            say(f"report written to {self._report}")
        if as_json:
            print_json(told(trained, self._report, pipeline, time.monotonic() - self._begun))


def told(trained: Any, report: Path | None, pipeline: Path | None, seconds: float) -> dict[str, Any]:
    """All that came of a training, for programs; `memory_mib` is the peak of this process alone."""
    from smartticket_model.artifact import CARD

    return {
        "model": str(trained.folder),
        "digest": trained.digest,
        "rows": trained.rows,
        "dropped": dict(trained.dropped),
        "in_memory": not trained.fitted.large,
        "near_duplicates": trained.near_duplicates,
        "small": dict(trained.small),
        "categories": list(trained.categories),
        "target_precision": trained.target_precision,
        "thresholds": dict(trained.thresholds),
        "out_of_reach": list(trained.out_of_reach),
        "out_of_fold": trained.metrics,
        "held_out": trained.held_out,
        "heads": trained.heads,
        "feedback": trained.taught.told() if trained.taught else None,
        "report": str(report) if report else None,
        "card": str(trained.folder / CARD) if report else None,
        "pipeline": str(pipeline) if pipeline else None,
        "seconds": round(seconds, 1),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def say_trained(trained: Any, small_classes: str) -> None:
    """In words, on standard error."""
    if trained.taught:
        _say_taught(trained.taught)
    say(f"{trained.rows} rows, left out: {_counted(trained.dropped)}")
    if trained.manner:
        say(trained.manner)
    if trained.near_duplicates:
        say(f"{trained.near_duplicates} rows have the same words as an earlier one; name their --group")
    if trained.small:
        say(f"categories of few rows, {_DONE[small_classes]}: {_counted(trained.small)}")
    if trained.out_of_reach:
        never = ", ".join(trained.out_of_reach)
        say(f"cannot reach precision {trained.target_precision:g}, so always abstain: {never}")
    say(f"unseen rows: {_figures(trained.metrics)}")
    if trained.held_out:
        say(f"rows held out: {_figures(trained.held_out)}")
    for name, metrics in trained.heads.items():
        say(f"{name}: accuracy {metrics['accuracy']:.3f}")
    say(f"model written to {trained.folder}, digest {trained.digest[:12]}")


def _say_taught(taught: Any) -> None:
    """What became of agents' corrections."""
    say(f"feedback: {', '.join(f'{kind} {number}' for kind, number in taught.chosen.counts.items())}")
    for (ours, theirs), number in taught.chosen.left_out.items():
        say(f"feedback: {number} left out, too many of one sender: {ours} corrected to {theirs}")
    for sender in taught.contradicted:
        done = "learnt from, as you trust them" if sender.trusted else "held out"
        say(f"feedback: a sender's {sender.corrections} corrections {done}: {contradiction(sender.told())}")
        if not sender.trusted:
            key = sender.key[:12]
            say(f"  look: smartticket explain {key}; if the agents are right, train with --trust {key}")


def _figures(metrics: Mapping[str, Any]) -> str:
    precision = metrics["precision_at_coverage"]
    sure = "" if precision is None else f", of these {precision:.1%} right"
    return (
        f"accuracy {metrics['accuracy']:.3f}, macro-F1 {metrics['macro_f1']:.3f}; "
        f"sure enough to act on {metrics['coverage']:.1%}{sure}"
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in counts.items() if number) or "none"
