"""The daemon's settings: TOML for shape, environment over it, every problem in one report."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from smartticket_config.report import Problem, problems_of, refuse
from smartticket_daemon.domain import Mode
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.registry import connector_class
from smartticket_daemon.source_settings import Duration, SourceSettings

PREFIX = "SMARTTICKET__"
Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]


class Section(BaseModel):
    """A frozen table of the settings file that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _default_state_dir() -> Path:
    # systemd names the directory it made for the service; several are separated by colons.
    return Path(os.environ.get("STATE_DIRECTORY", "/var/lib/smartticket").partition(":")[0])


class DaemonSettings(Section):
    """`[daemon]`: where the state lies, how often to poll, how to try again."""

    state_dir: Path = Field(default_factory=_default_state_dir)
    poll_interval: Duration = timedelta(seconds=60)
    retry_base: Duration = timedelta(seconds=30)
    max_attempts: int = Field(default=5, ge=1, le=100)
    lease: Duration = timedelta(seconds=120)


class ModelSettings(Section):
    """`[model]`: which artifact; without a path the promoted one (`smartticket models`), else the shipped."""

    path: Path | None = None
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class PolicySettings(Section):
    """`[policy]`: how far to act and how sure to be."""

    mode: Mode = Mode.SUGGEST
    target_precision: Share | None = None
    unsure_tag: str = "category__unsure"
    why: bool = False


class CategorySettings(Section):
    """`[categories.NAME]`: what applying one category means."""

    tag: str | None = Field(default=None, min_length=1)
    route: str | None = Field(default=None, min_length=1)
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None


class HeadSettings(Section):
    """`[heads.NAME]`: the tag of a further head of the model, as `priority__{label}`."""

    tag: str = Field(pattern=r"^[^{}]+\{label\}[^{}]*$")
    threshold: Share = 0.8


class ReplySettings(Section):
    """`[replies]`: a folder of LANGUAGE/CATEGORY.txt whose templates win over the shipped ones."""

    dir: Path | None = None


class FeedbackSettings(Section):
    """`[feedback]`: looking again at what was triaged, to learn from what agents changed."""

    enabled: bool = True
    interval: Duration = timedelta(hours=1)
    max_age: Duration = timedelta(days=30)
    learn_from: Literal["tag", "group"] = "tag"


class Settings(BaseSettings):
    """Everything the daemon may be told."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    daemon: DaemonSettings = Field(default_factory=DaemonSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    policy: PolicySettings = Field(default_factory=PolicySettings)
    replies: ReplySettings = Field(default_factory=ReplySettings)
    feedback: FeedbackSettings = Field(default_factory=FeedbackSettings)
    categories: dict[str, CategorySettings] = Field(default_factory=dict)
    heads: dict[str, HeadSettings] = Field(default_factory=dict)
    sources: dict[Name, dict[str, Any]] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return env_settings, init_settings


class Configuration(Section):
    """The settings with every source checked against its connector."""

    settings: Settings
    sources: dict[str, SerializeAsAny[SourceSettings]]


def load(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read and check everything.

    Raises ConfigurationError whose message lists all problems: file, key, what is wrong, how to mend it.
    """
    tables = _read(file) if file else {}
    where = str(file) if file else "settings"
    problems = _unknown_variables(environ if environ is not None else os.environ)
    problems += _secrets_in_file(tables)
    try:
        settings = Settings(**tables)
    except ValidationError as error:
        refuse(where, problems + problems_of(error) + _sources(tables.get("sources"))[1])
    except SettingsError:
        # Its text quotes what it could not parse, which may be a secret.
        refuse(where, [*problems, *_unparsed(environ if environ is not None else os.environ)])
    sources, wrong = _sources(settings.sources)
    wrong += _served_twice(sources, settings.policy.mode)
    if problems + wrong:
        refuse(where, problems + wrong)
    return Configuration(settings=settings, sources=sources)


def _sources(tables: Any) -> tuple[dict[str, SourceSettings], list[Problem]]:
    """Every source that is in order, and what is wrong with the others."""
    sources: dict[str, SourceSettings] = {}
    problems: list[Problem] = []
    for name, table in tables.items() if isinstance(tables, dict) else ():
        found, wrong = _source(name, table) if isinstance(table, dict) else (None, [])
        problems += wrong
        if found:
            sources[name] = found
    return sources, problems


def _served_twice(sources: Mapping[str, SourceSettings], mode: Mode) -> list[Problem]:
    """Two sources that both write to one place would each write their own reply."""
    owners: dict[str, str] = {}
    problems = []
    for name, source in sources.items():
        if source.place and (source.mode or mode) is not Mode.OBSERVE:
            other = owners.setdefault(source.place, name)
            if other != name:
                mend = 'keep one of them, or set mode = "observe" in one'
                problems.append(Problem(("sources", name), f"is the same place as [sources.{other}]", mend))
    return problems


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None


def _source(name: str, table: Mapping[str, Any]) -> tuple[SourceSettings | None, list[Problem]]:
    place = ("sources", name)
    if "kind" not in table:
        return None, [Problem((*place, "kind"), "is missing", 'for a mailbox write kind = "imap"')]
    try:
        connector = connector_class(str(table["kind"]))
        return connector.Settings(**_lists_parsed(connector.Settings, table)), []
    except ConfigurationError as error:
        return None, [Problem((*place, "kind"), str(error), "")]
    except ValidationError as error:
        return None, problems_of(error, place)


def _lists_parsed(model: type[SourceSettings], table: Mapping[str, Any]) -> dict[str, Any]:
    """The environment knows only text: a list comes as `["a", "b"]`."""
    lists = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple}
    return {key: _parsed(value) if key in lists else value for key, value in table.items()}


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _unparsed(environ: Mapping[str, str]) -> list[Problem]:
    """Variables that stand for a whole table and hold no JSON."""
    tables = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    wrong = sorted(n for n in environ if n.upper() in tables and isinstance(_parsed(environ[n]), str))
    mend = f'as in {{"key": "value"}}, or set a single key, as {PREFIX}POLICY__MODE'
    return [Problem((name,), "must be a table in JSON", mend) for name in wrong]


def _unknown_variables(environ: Mapping[str, str]) -> list[Problem]:
    names = (n for n in environ if n.upper().startswith(PREFIX))
    known = {field.upper() for field in Settings.model_fields}
    wrong = (n for n in names if n.upper().removeprefix(PREFIX).partition("__")[0] not in known)
    mend = f"the part after {PREFIX} is a table: {', '.join(sorted(Settings.model_fields))}"
    return [Problem((name,), "unknown environment variable", mend) for name in sorted(wrong)]


def _secrets_in_file(tables: Mapping[str, Any]) -> list[Problem]:
    sources = tables.get("sources")
    found = []
    for name, table in sources.items() if isinstance(sources, dict) else ():
        for key in table if isinstance(table, dict) else ():
            if key in ("password", "api_key", "client_secret", "api_token", "oauth_token"):
                mend = f'put it into a file and write {key}_file = "...", or into the environment'
                found.append(Problem(("sources", name, key), "a secret does not belong here", mend))
    return found
