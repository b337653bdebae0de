"""Puts a source together from the settings: the one place where the parts of the pipeline meet."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path

from smartticket_config.settings import Configuration, Settings
from smartticket_daemon.backoff import Backoff
from smartticket_daemon.errors import ConfigurationError, ModelError
from smartticket_daemon.feedback import Looking, Rounds
from smartticket_daemon.filters import FilterRules, normal_address
from smartticket_daemon.judge import Judge, Verdict
from smartticket_daemon.models import ModelInUse, Shelf
from smartticket_daemon.opinions import Teacher
from smartticket_daemon.pipeline import Source
from smartticket_daemon.policy import CategoryPolicy, HeadPolicy, Policy
from smartticket_daemon.polling import poll
from smartticket_daemon.ports import Journal
from smartticket_daemon.registry import connector_class
from smartticket_daemon.replies import Replies
from smartticket_daemon.source_settings import SourceSettings
from smartticket_model import Model, load


@dataclass(frozen=True, slots=True)
class Parts:
    """What all sources share."""

    configuration: Configuration
    model: Model
    replies: Replies
    journal: Journal
    stopping: Callable[[], bool] = lambda: False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    in_use: Callable[[], Model] | None = None
    """The model for the next batch, where it may change while the process runs."""


def load_model(settings: Settings) -> Model:
    """The artifact that the settings name, else the promoted one, else the shipped default.

    Raises ModelError.
    """
    return load(model_folder(settings), digest=settings.model.digest)


def model_folder(settings: Settings) -> Path | None:
    """Where the model of this moment really lies; None: the shipped default."""
    if named := named_folder(settings):
        return named.resolve()
    current = Shelf(settings.daemon.state_dir).current
    return current.resolve() if os.path.lexists(current) else None


def named_folder(settings: Settings) -> Path | None:
    """The folder that the settings name; None where promoted models judge, named so or not."""
    path, current = settings.model.path, Shelf(settings.daemon.state_dir).current
    return None if path is None or path.absolute() == current.absolute() else path


def load_decider(settings: Settings, digest: str) -> Model:
    """The model of that digest: the present one, a promoted one, the shipped default. Raises ModelError."""
    places = (model_folder(settings), Shelf(settings.daemon.state_dir).folder_of(digest), None)
    for place in places:
        with suppress(ModelError):
            return load(place, digest)
    raise ModelError(f"the model that decided it, {digest[:12]}, is not here any more")


def watch_model(settings: Settings, replies: Replies, *, noted: bool) -> ModelInUse:
    """The model of each moment, checked against settings and replies. Raises ConfigurationError.

    `noted`: what becomes of it is written down in the state directory, where `status` reads it.
    """

    def read(folder: Path | None) -> Model:
        model = load(folder, digest=settings.model.digest)
        refuse_misfit(settings, model, replies)
        return model

    return ModelInUse(partial(model_folder, settings), read, settings.daemon.state_dir if noted else None)


def load_replies(settings: Settings) -> Replies:
    """The shipped templates with the operator's own over them. Raises ConfigurationError."""
    shipped = Path(str(files("smartticket_config") / "replies"))
    own = [settings.replies.dir] if settings.replies.dir else []
    return Replies([shipped, *own])


def check_fit(settings: Settings, model: Model, replies: Replies) -> list[str]:
    """What does not fit between model, categories and replies; each line says how to mend it."""
    found = [
        f"[categories.{name}]: the model knows no such category; it knows {', '.join(model.categories)}"
        for name in settings.categories
        if name not in model.categories
    ]
    found += [
        f"[heads.{name}]: the model has no such head; it has {', '.join(model.heads) or 'none'}"
        for name in settings.heads
        if name not in model.heads
    ]
    found += [
        f"category {name} has no reply: write en/{name}.txt in the folder that [replies] dir names"
        for name in replies.missing(model.categories)
    ]
    if settings.model.digest not in (None, model.digest):
        found.append(f"[model] digest: names another model; take it out, or write {model.digest}")
    return found + _tag_clashes(settings, model)


def _tag_clashes(settings: Settings, model: Model) -> list[str]:
    owners: dict[str, str] = {settings.policy.unsure_tag.lower(): "[policy] unsure_tag"}
    found = []
    for name in model.categories:
        tag = _category(settings, name).tag
        other = owners.setdefault(tag.lower(), f"[categories.{name}]")
        if other != f"[categories.{name}]":
            found.append(f"[categories.{name}] tag: {tag} is also the tag of {other}; give each its own")
    kinds = {tag.partition("__")[0] for tag in owners if "__" in tag}
    found += [
        f"[heads.{name}] tag: {head.tag} looks like a category's; begin it otherwise, as {name}__{{label}}"
        for name, head in settings.heads.items()
        if head.tag.lower().partition("__")[0] in kinds
    ]
    return found


def refuse_misfit(settings: Settings, model: Model, replies: Replies) -> None:
    """Raise one ConfigurationError that lists everything check_fit finds."""
    if found := check_fit(settings, model, replies):
        raise ConfigurationError("\n".join(found))


def _category(settings: Settings, name: str) -> CategoryPolicy:
    own = settings.categories.get(name)
    tag = own.tag if own and own.tag else f"category__{name}"
    return CategoryPolicy(tag, own.route if own else None, own.threshold if own else None)


def policy_for(settings: Settings, source: SourceSettings, model: Model) -> Policy:
    """The policy of one source, thresholds chosen for its target precision."""
    wanted = settings.policy.target_precision
    chosen = model.thresholds_at(wanted) if wanted is not None else {}
    categories = {}
    for name in model.categories:
        category = _category(settings, name)
        if category.threshold is None and wanted is not None:
            # 2.0 is out of reach: this category cannot be that precise, so it always abstains.
            threshold = chosen.get(name, 2.0)
            category = CategoryPolicy(category.tag, category.route, threshold)
        categories[name] = category
    policy = settings.policy
    if source.one_tag and settings.heads:
        raise ConfigurationError("[heads] set tags, and category_field has room for the category alone")
    heads = {name: HeadPolicy(own.tag, own.threshold) for name, own in settings.heads.items()}
    return Policy(source.mode or policy.mode, categories, policy.unsure_tag, heads, policy.why)


def filter_rules(source: SourceSettings) -> Callable[[datetime], FilterRules]:
    """The filters' rules at a given moment; the judge adds the tags of its policy."""
    own = source.own_addresses

    def rules(now: datetime) -> FilterRules:
        return FilterRules(
            now=now,
            own_addresses=frozenset(map(normal_address, own)),
            triage_replies=source.on_reply == "triage",
            max_age=source.max_age if source.start == "now" else None,
            start=source.start if isinstance(source.start, datetime) else None,
        )

    return rules


def build_source(name: str, parts: Parts) -> Source:
    """One source, ready for the pipeline; no I/O yet."""
    settings, own = parts.configuration.settings, parts.configuration.sources[name]
    policy = lru_cache(1)(partial(policy_for, settings, own))

    def renew(judge: Judge) -> Judge:
        if parts.in_use is None or (model := parts.in_use()) is judge.classifier():
            return judge
        return replace(judge, classifier=lambda: model, policy=policy(model))

    daemon = settings.daemon
    return Source(
        name=name,
        connector=connector_class(own.kind)(name, own),
        journal=parts.journal,
        judge=Judge(lambda: parts.model, policy(parts.model), parts.replies, filter_rules(own)),
        backoff=Backoff(daemon.retry_base, daemon.max_attempts),
        lease=daemon.lease,
        routes=frozenset(c.route for c in settings.categories.values() if c.route),
        clock=parts.clock,
        stopping=parts.stopping,
        renew=renew,
    )


def watching_people(settings: Settings) -> Callable[[Source], int]:
    """The round of a source: poll, deliver and, unless that is switched off, look what people made of it."""
    wanted = settings.feedback
    if not wanted.enabled:
        return poll
    return Rounds(Looking(wanted.interval, wanted.max_age, Teacher(wanted.learn_from)))


def need_sources(configuration: Configuration) -> None:
    """Raise ConfigurationError when there is nothing to serve."""
    if not configuration.sources:
        raise ConfigurationError("no source is configured: add a [sources.NAME] table to the settings")


def prepare(
    configuration: Configuration,
    journal: Journal,
    stopping: Callable[[], bool] = lambda: False,
    watch: Callable[[str, Verdict], None] | None = None,
    *,
    noted: bool = False,
) -> list[Source]:
    """All sources of the settings, ready to run, the model and the replies checked against them.

    Raises ConfigurationError when there is no source or something does not fit, ModelError when the
    model cannot be loaded. `watch` is told the source's name and each verdict. `noted`: see `watch_model`.
    """
    settings = configuration.settings
    need_sources(configuration)
    replies = load_replies(settings)
    in_use = watch_model(settings, replies, noted=noted)
    parts = Parts(configuration, in_use(), replies, journal, stopping, in_use=in_use)
    sources = [build_source(name, parts) for name in configuration.sources]
    if watch:
        return [replace(source, watch=partial(watch, source.name)) for source in sources]
    return sources
