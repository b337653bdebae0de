"""What the commands about a source's past share: the label's place, the source, the journal beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smartticket_config.settings import Configuration
    from smartticket_daemon.history.labels import Labels
    from smartticket_daemon.pipeline import Source
    from smartticket_daemon.policy import Policy
    from smartticket_daemon.ports import Journal
    from smartticket_daemon.service import Stop

LabelField = Annotated[
    str | None, typer.Option("--label-field", metavar="NAME", help="Agents put the category in this field.")
]
LabelTagPrefix = Annotated[
    str | None,
    typer.Option(
        "--label-tag-prefix",
        metavar="PREFIX",
        help="Agents set a tag that begins so (without any of the three: category__).",
    ),
]
LabelGroup = Annotated[
    bool, typer.Option("--label-group", help="The category is the group that the ticket ended in.")
]
PREFIX = "category__"
ELSEWHERE = "--label-field, --label-tag-prefix and --label-group say where agents put it"
REASONS = {
    "below_threshold": "not sure enough",
    "no_threshold": "a category that it never applies by itself",
    "nothing_to_go_by": "no words that it knows",
    "out_of_scope": "unlike anything that it was trained on",
    "encrypted": "encrypted",
    "agent": "written by an agent",
    "own_note": "a draft or a note of its own",
    "own_address": "sent by yourselves",
    "auto_reply": "automatic reply",
    "bounce": "report of undeliverable mail",
    "list": "mailing list or bulk mail",
    "follow_up": "reply in a known conversation",
    "deleted": "deleted",
    "merged": "merged into another ticket",
    "spam": "spam",
    "empty": "empty",
    "unreadable": "cannot be read",
    "cannot_classify": "cannot be judged",
    "unknown_label": "the agents' label is no category of the model",
    "our_own_label": "our own label, which nobody changed",
}


def labels_of(field: str | None, prefix: str | None, *, group: bool, policy: Policy) -> Labels:
    """Where to look for people's category."""
    from smartticket_daemon.history.labels import Labels, Place

    if sum((field is not None, prefix is not None, group)) > 1 or "" in (field, prefix):
        raise typer.BadParameter("name one of --label-field NAME, --label-tag-prefix PREFIX, --label-group")
    if group:
        return Labels(Place.GROUP, "", policy)
    return Labels(Place.FIELD, field, policy) if field else Labels(Place.TAG, prefix or PREFIX, policy)


def need_source(source: str, configuration: Configuration) -> None:
    """Refuse a name that the settings do not know."""
    if source not in configuration.sources:
        names = ", ".join(configuration.sources) or "none"
        raise typer.BadParameter(f"no source {source!r} in the settings; there are: {names}")


@contextmanager
def opened(source: str, configuration: Configuration, stop: Stop) -> Iterator[Source]:
    """The source, with a journal that is read only: a running daemon is not disturbed."""
    from smartticket_daemon.assemble import prepare

    need_source(source, configuration)
    with _journal(configuration) as journal:
        own = next(one for one in prepare(configuration, journal, stop) if one.name == source)
        with closing(own.connector):
            yield own


@contextmanager
def _journal(configuration: Configuration) -> Iterator[Journal]:
    """That of the daemon, where there is one, as it goes on; else an empty one that nobody will miss."""
    from smartticket_daemon.cli.dry_run import scratch_journal
    from smartticket_daemon.journal import journal_exists, open_journal

    state_dir = configuration.settings.daemon.state_dir
    if not journal_exists(state_dir):
        with scratch_journal(configuration) as journal:
            yield journal
        return
    with closing(open_journal(state_dir)) as journal:
        yield journal


def named(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts by reason in plain words, the most frequent first."""
    return [(words(reason), n) for reason, n in sorted(reasons.items(), key=lambda item: -item[1])]


def words(reason: str) -> str:
    """A reason as people say it."""
    return REASONS.get(reason, reason.replace("_", " "))
