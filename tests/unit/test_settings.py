"""Settings: defaults that serve, one report of all problems, environment over the file, no secret shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smartticket_config.schema import settings_schema
from smartticket_config.settings import load
from smartticket_daemon.domain import Mode
from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.source_settings import SourceSettings, read_secret

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "smartticket_config" / "smartticket.example.toml"


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "smartticket.toml"
    file.write_text(text, "utf-8")
    return file


def problems(file: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_no_file_at_all_gives_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    settings = load().settings
    assert settings.daemon.state_dir == Path("/var/lib/smartticket")
    assert settings.daemon.poll_interval == timedelta(seconds=60)
    assert settings.policy.mode is Mode.SUGGEST
    assert load().sources == {}


def test_the_state_directory_of_the_service_manager_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/run/one:/run/two")
    assert load().settings.daemon.state_dir == Path("/run/one")


def test_the_example_file_is_valid() -> None:
    configuration = load(EXAMPLE)
    assert list(configuration.sources) == ["support"]
    assert configuration.settings.categories["billing"].route == "Billing"


def test_all_problems_come_in_one_report_with_key_and_mend(tmp_path: Path) -> None:
    report = problems(
        write(
            tmp_path,
            """
            [daemon]
            poll_interval = "often"
            colour = "red"
            [policy]
            mode = "reply"
            target_precision = 2
            [categories.billing]
            threshold = 7
            [sources.one]
            kind = "imap"
            [sources.two]
            path = "/mail"
            [sources.three]
            kind = "carrier-pigeon"
            """,
        )
    )
    assert str(tmp_path / "smartticket.toml") in report
    for key in (
        "[daemon] poll_interval",
        "[daemon] colour",
        "[policy] mode",
        "[policy] target_precision",
        "[categories.billing] threshold",
        "[sources.one] host",
        "[sources.two] kind",
        "[sources.three] kind",
    ):
        assert key in report, key
    assert "60s" in report
    assert "not a known key" in report


def test_all_problems_of_sources_come_together_too(tmp_path: Path) -> None:
    one, two, three = '[sources.one]\nkind = "imap"\nprot = 1\n', "[sources.two]\n", "[sources.three]\n"
    text = f'{one}{two}path = "/mail"\n{three}kind = "dove"\n'
    report = problems(write(tmp_path, text))
    assert "[sources.one] host: is missing" in report
    assert "[sources.one] prot: is not a known key" in report
    assert "[sources.two] kind: is missing" in report
    assert "[sources.three] kind: no connector is called 'dove'; installed: " in report


@pytest.mark.parametrize("key", ["password", "api_key", "client_secret", "api_token", "oauth_token"])
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    report = problems(write(tmp_path, f'[sources.one]\nkind = "imap"\n{key} = "hunter2-canary"\n'))
    assert f"[sources.one] {key}: a secret does not belong here" in report
    assert f"{key}_file" in report
    assert "canary" not in report


def test_wrong_values_are_never_shown(tmp_path: Path) -> None:
    report = problems(write(tmp_path, '[sources.one]\nkind = "imap"\nport = "canary"\nhost = ["canary"]\n'))
    assert "[sources.one] port" in report
    assert "canary" not in report


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(
        tmp_path,
        '[policy]\nmode = "tag"\nunsure_tag = "x"\n[sources.one]\nkind = "folder"\npath = "/mail"\n',
    )
    monkeypatch.setenv("SMARTTICKET__POLICY__MODE", "observe")
    monkeypatch.setenv("SMARTTICKET__SOURCES__ONE__START", "all")
    configuration = load(file)
    assert configuration.settings.policy.mode is Mode.OBSERVE
    assert configuration.settings.policy.unsure_tag == "x"
    assert configuration.sources["one"].start == "all"
    assert str(configuration.sources["one"].path) == "/mail"  # type: ignore[attr-defined]


def test_a_secret_may_come_from_the_environment_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, '[sources.one]\nkind = "imap"\nhost = "localhost"\nusername = "ann"\n')
    monkeypatch.setenv("SMARTTICKET__SOURCES__ONE__PASSWORD", "hunter2-canary")
    own = load(file).sources["one"]
    assert own.password.get_secret_value() == "hunter2-canary"  # type: ignore[attr-defined]
    assert "canary" not in repr(own) + str(own.model_dump(mode="json"))


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTTICKET__POLITICS__MODE", "observe")
    with pytest.raises(ConfigurationError, match="SMARTTICKET__POLITICS__MODE: unknown environment variable"):
        load()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"[daemon\n", "not valid TOML"), (b"\xff\xfe", "not UTF-8"), (None, "cannot be read")],
)
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "smartticket.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        load(file)
    assert str(file) in str(caught.value)


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "smartticket.toml"
    file.write_bytes('\ufeff[policy]\nmode = "tag"\n'.encode())
    assert load(file).settings.policy.mode is Mode.TAG


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("1.5m", 90), ("2h", 7200), ("7d", 604800), ("250ms", 0.25), (30, 30)]
)
def test_durations(text: str | int, seconds: float) -> None:
    source = SourceSettings.model_validate({"kind": "x", "max_age": text})
    assert source.max_age == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "60", "5 weeks", "-5s", "0s", "1e9s", True])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        SourceSettings.model_validate({"kind": "x", "max_age": text})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "now"),
        ("all", "all"),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
    ],
)
def test_starts(text: str, moment: object) -> None:
    assert SourceSettings.model_validate({"kind": "x", "start": text}).start == moment


def test_the_schema_knows_every_connectors_own_keys() -> None:
    schema = settings_schema()
    assert "password_file" in schema["$defs"]["source_imap"]["properties"]
    assert "path" in schema["$defs"]["source_folder"]["properties"]
    assert json.loads(json.dumps(schema)) == schema


def test_a_secret_is_the_first_line_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pw").write_text("s e c\nsecond", "utf-8")
    assert read_secret(tmp_path / "pw", "password_file") == "s e c"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret(Path("pw"), "password_file") == "s e c"


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xff"])
def test_a_secret_that_cannot_be_had_is_named_by_file(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "pw"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="password_file") as caught:
        read_secret(file, "password_file")
    assert str(file) in str(caught.value)


def test_a_list_from_the_environment_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, f'[sources.desk]\nkind = "folder"\npath = "{tmp_path}"\n')
    monkeypatch.setenv("SMARTTICKET__SOURCES__DESK__OWN_ADDRESSES", '["help@our.example", "us@our.example"]')
    assert load(file).sources["desk"].own_addresses == ("help@our.example", "us@our.example")
    monkeypatch.setenv("SMARTTICKET__SOURCES__DESK__OWN_ADDRESSES", "help@our.example")
    assert "[sources.desk] own_addresses: must be a list" in problems(file)


@pytest.mark.parametrize("secret", ["12345", "true", "null", '["a"]', '{"a": 1}', " x "])
def test_a_secret_from_the_environment_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    file = write(tmp_path, '[sources.desk]\nkind = "imap"\nhost = "h.example"\nusername = "u"\n')
    monkeypatch.setenv("SMARTTICKET__SOURCES__DESK__PASSWORD", secret)
    assert load(file).sources["desk"].model_dump()["password"].get_secret_value() == secret


@pytest.mark.parametrize("value", ["canary", '{"canary":', ""])
def test_a_table_from_the_environment_that_is_no_json_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SMARTTICKET__SOURCES", value)
    report = problems(write(tmp_path, ""))
    assert "SMARTTICKET__SOURCES: must be a table in JSON" in report
    assert "canary" not in report


def test_durations_are_shown_as_they_are_written(tmp_path: Path) -> None:
    file = write(tmp_path, '[daemon]\npoll_interval = "1500ms"\nretry_base = "2h"\n')
    shown = load(file).settings.model_dump(mode="json")["daemon"]
    assert (shown["poll_interval"], shown["retry_base"]) == ("1.5s", "7200s")
    assert load(write(tmp_path, f'[daemon]\npoll_interval = "{shown["poll_interval"]}"\n'))


def two_sources(tmp_path: Path, second: str = "") -> Path:
    box = 'kind = "imap"\nhost = "mail.example.org"\nusername = "a@example.org"\npassword_file = "p"\n'
    other = box.replace("mail.example.org", "MAIL.example.org") + 'folder = "inbox"\n' + second
    return write(tmp_path, f"[sources.one]\n{box}[sources.two]\n{other}")


def test_two_sources_that_would_both_write_to_one_place_are_refused(tmp_path: Path) -> None:
    assert "[sources] two: is the same place as [sources.one]" in problems(two_sources(tmp_path))
    assert load(two_sources(tmp_path, 'mode = "observe"\n')).sources.keys() == {"one", "two"}
    folder = f'kind = "folder"\npath = "{tmp_path}"\n'
    around = folder.replace(str(tmp_path), f"{tmp_path}/../{tmp_path.name}")
    assert "same place" in problems(write(tmp_path, f"[sources.one]\n{folder}[sources.two]\n{around}"))
