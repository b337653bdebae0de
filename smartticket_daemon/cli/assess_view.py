"""An assessment as people read it: on a terminal, as JSON, as a page."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from smartticket_daemon.cli.bar import duration, number, since_words
from smartticket_daemon.cli.common import print_table, printable
from smartticket_daemon.cli.past import ELSEWHERE, named, words

if TYPE_CHECKING:
    from smartticket_config.settings import Settings
    from smartticket_daemon.backfilling import Estimate
    from smartticket_daemon.history.assessing import Agreement, Assessment, Costs
    from smartticket_daemon.history.labels import Labels
    from smartticket_daemon.pipeline import Source

SUBJECT = 60
"""Subjects are cut to this many characters."""
SHOWN = 20
"""Tickets listed on a terminal; JSON and page list all."""
UNSEEN = "The shipped model judged; it was trained on none of your tickets."
UNKNOWN = (
    "Whether the model was trained on some of these very tickets cannot be known. "
    "If it was, it looks better here than it will be on new ones."
)


@dataclass(frozen=True, slots=True)
class Report:
    """`told` is all of it as JSON has it; `target` is None where each category has a threshold of its own."""

    found: Assessment
    costs: Costs
    source: str
    kind: str
    label: str
    since: str
    model: str
    target: float | None
    shipped: bool

    @classmethod
    def of(
        cls, source: Source, labels: Labels, found: Assessment, costs: Costs, settings: Settings, since: Any
    ) -> Report:
        """With what must be known to read the figures."""
        from smartticket_daemon.assemble import load_model, model_folder

        model = load_model(settings)
        own_target = model.manifest["heads"]["category"].get("target_precision")
        return cls(
            found=found,
            costs=costs,
            source=source.name,
            kind=source.connector.kind,
            label=str(labels),
            since=since_words(since),
            model=model.digest,
            target=settings.policy.target_precision or own_target,
            shipped=model_folder(settings) is None,
        )

    @property
    def note(self) -> str:
        """Whether the figures may be too good."""
        return UNSEEN if self.shipped else UNKNOWN

    @property
    def wrong(self) -> list[dict[str, Any]]:
        """The surest mistakes first, fit to be shown."""
        by_confidence = sorted(self.found.wrong, key=lambda wrong: -wrong.confidence)
        return [{**asdict(wrong), "subject": _cut(wrong.subject)} for wrong in by_confidence]

    @property
    def verdict(self) -> str:
        """What the interval says about the target."""
        interval = self.found.overall.interval
        if interval is None:
            return "Nothing could be compared: no agent's category is known for what it would have tagged."
        if self.target is None:
            return ""
        if interval[0] >= self.target:
            return f"That is above the target of {percent(self.target)}, beyond chance."
        if interval[1] < self.target:
            return f"That is below the target of {percent(self.target)}, beyond chance."
        return f"Whether it reaches the target of {percent(self.target)} cannot be told from so few tickets."

    def told(self) -> dict[str, Any]:
        """As one JSON object; shares are of 1, intervals 95 %, minutes at the account's budget."""
        found, overall = self.found, self.found.overall
        categories = {name: _agreement(own) for name, own in sorted(found.per_category.items())}
        return {
            "source": self.source,
            "kind": self.kind,
            "label": self.label,
            "model": self.model,
            "target_precision": self.target,
            "trained_on_these": "no" if self.shipped else "unknown",
            "tickets": found.tickets,
            "oldest": found.oldest.isoformat() if found.oldest else None,
            "newest": found.newest.isoformat() if found.newest else None,
            "applied": overall.applied,
            "applied_share": overall.applied / found.tickets if found.tickets else None,
            "abstained": dict(found.abstained.most_common()),
            "skipped": dict(found.skipped.most_common()),
            "agreement": _agreement(overall),
            "per_category": categories,
            "not_compared": dict(found.uncompared.most_common()),
            "labels_unknown_to_the_model": dict(found.foreign.most_common()),
            "wrong": self.wrong,
            "costs": {**asdict(self.costs), "mode": self.costs.mode.value},
        }


def _agreement(own: Agreement) -> dict[str, Any]:
    return {**asdict(own), "share": own.share, "interval": own.interval}


def _cut(subject: str) -> str:
    return printable(" ".join(subject.split()))[:SUBJECT]


def percent(share: float | None) -> str:
    """`94.8 %`."""
    return "-" if share is None else f"{share:.1%}".replace("%", " %")


def _between(own: Agreement) -> str:
    interval = own.interval
    return f"{percent(interval[0])} to {percent(interval[1])}" if interval else "-"


def _expected(estimate: Estimate) -> str:
    calls = number(estimate.calls, "calls", ", ")
    return f"{number(estimate.tickets, 'tickets')}{calls}, {duration(estimate.minutes)}"


def _part(count: int, whole: int) -> str:
    return f"{count:,} ({percent(count / whole if whole else None)})"


def print_report(report: Report) -> None:
    """Tables on standard output."""
    found, overall = report.found, report.found.overall
    typer.echo(f"{report.source} ({report.kind}): the last {found.tickets:,} tickets{report.since}")
    typer.echo(f"  would be tagged        {_part(overall.applied, found.tickets)}")
    typer.echo(f"  would be marked unsure {_part(found.abstained.total(), found.tickets)}")
    typer.echo(f"  would be left alone    {_part(found.skipped.total(), found.tickets)}")
    reasons = named(found.abstained + found.skipped)
    if reasons:
        print_table("Why not tagged", ("reason", "tickets"), [[name, f"{n:,}"] for name, n in reasons])
    title = f"Agreement with agents ({report.label})"
    rows = [_row(name, own) for name, own in sorted(found.per_category.items())]
    columns = ("category", "would be tagged", "compared", "agents agree", "share", "95 % interval")
    print_table(title, columns, [*rows, _row("all", overall)])
    if report.verdict:
        typer.echo(report.verdict)
    if not overall.compared and overall.applied:
        typer.echo(f"Nothing was found at: {report.label}; {ELSEWHERE}")
    for reason, tickets in found.uncompared.most_common():
        typer.echo(f"not compared: {tickets:,} ({words(reason)})")
    _print_wrong(report.wrong)
    typer.echo(f"In mode {report.costs.mode}: a month's tickets: {_expected(report.costs.month)}")
    typer.echo(f"  what lies there now: {_expected(report.costs.backlog)}")
    typer.echo(report.note)


def _row(name: str, own: Agreement) -> list[str]:
    counts = (f"{own.applied:,}", f"{own.compared:,}", f"{own.right:,}")
    return [name, *counts, percent(own.share), _between(own)]


def _print_wrong(wrong: list[dict[str, Any]]) -> None:
    if not wrong:
        return
    rows = [
        [w["ticket"][:12], w["subject"], w["ours"], w["theirs"], f"{w['confidence']:.2f}"]
        for w in wrong[:SHOWN]
    ]
    columns = ("ticket", "subject", "we say", "agents said", "confidence")
    print_table(f"Agents said otherwise ({len(wrong):,})", columns, rows)
    if len(wrong) > SHOWN:
        typer.echo(f"and {len(wrong) - SHOWN:,} more; --json and --out list them all")


def write_page(file: Path, report: Report) -> None:
    """One page without script or anything from elsewhere, for our own user alone: it shows subjects.

    Raises ConfigurationError where the file cannot be written.
    """
    from smartticket_daemon.errors import ConfigurationError

    content = page_of(report)
    aside = file.with_name(f"{file.name}.new")
    try:
        aside.unlink(missing_ok=True)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as page:
            page.write(content)
        aside.rename(file)
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}") from None


def page_of(report: Report) -> str:
    """The page's HTML; whatever stands in a ticket is shown as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "between": _between,
        "expected": _expected,
        "n": "{:,}".format,
    }
    environment.filters |= {"named": named, "words": words, "plain": printable}
    return environment.get_template("assess.html").render(
        report=report, found=report.found, overall=report.found.overall
    )
