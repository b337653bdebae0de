"""`smartticket assess`: what would have become of the last tickets of a source, beside what agents did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from smartticket_daemon.cli.common import ConfigOption, JsonOption, Moment, aware, load_settings, print_json
from smartticket_daemon.cli.past import LabelField, LabelGroup, LabelTagPrefix, labels_of, opened


def assess(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the settings.")],
    last: Annotated[int, typer.Option("--last", min=1, help="Look at so many tickets, newest first.")] = 1000,
    since: Moment = None,
    label_field: LabelField = None,
    label_tag_prefix: LabelTagPrefix = None,
    label_group: LabelGroup = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write the report as a page (.html).")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the last tickets of a source as if each had just come; compare with agents. Changes nothing."""
    from smartticket_daemon import logs
    from smartticket_daemon.cli.assess_view import Report, print_report, write_page
    from smartticket_daemon.cli.bar import Bar
    from smartticket_daemon.errors import TransientError
    from smartticket_daemon.history.assessing import assess as assess_all
    from smartticket_daemon.history.assessing import costs
    from smartticket_daemon.history.recalling import extent_of
    from smartticket_daemon.service import Stop

    logs.configure(quiet=sys.stderr.isatty())
    configuration = load_settings(config)
    stop = Stop()
    with opened(source, configuration, stop) as own, Bar(stop) as bar:
        labels = labels_of(label_field, label_tag_prefix, group=label_group, policy=own.judge.policy)
        stop.install()
        bar.show(total=min(last, extent_of(own, aware(since)).tickets or last))
        for found in assess_all(own, labels, aware(since), last, bar.wait):
            bar.show(f"would be tagged {found.overall.applied:,}", completed=found.tickets)
        if stop():
            raise TransientError("stopped before the end: nothing is kept, begin again")
        expected = costs(own, found, aware(since))
        report = Report.of(own, labels, found, expected, configuration.settings, aware(since))
    if out:
        write_page(out, report)
    print_json(report.told()) if as_json else print_report(report)
