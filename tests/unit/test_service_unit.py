"""The service unit and the image keep what they promise; needs neither root nor a running systemd."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from smartticket_daemon.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "smartticket.service"
MOST_EXPOSURE = 1.5
ADDRESS = re.compile(r"https?://|\b[\w-]+(?:\.[\w-]+)+/", re.IGNORECASE)

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def unit_lines() -> dict[str, dict[str, list[str]]]:
    """Values by section and key; a key may come several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    keys: dict[str, list[str]] = {}
    for line in UNIT.read_text("utf-8").splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            keys = sections.setdefault(header[1], {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            keys.setdefault(key, []).append(value)
    return sections


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile in order, continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def last(instruction: str) -> str:
    return [rest for word, rest in steps() if word == instruction][-1]


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "NotifyAccess=main",
        "Restart=on-failure",
        "KillMode=mixed",
        "DynamicUser=yes",
        "StateDirectory=smartticket",
        "StateDirectoryMode=0700",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "PrivateTmp=yes",
        "MemoryDenyWriteExecute=yes",
        "CapabilityBoundingSet=",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "LimitCORE=0",
        "MemoryMax=1G",
    ],
)
def test_the_unit_says(line: str) -> None:
    key, _, value = line.partition("=")
    assert unit_lines()["Service"][key] == [value]


def test_a_watchdog_guards_the_daemon() -> None:
    assert int(unit_lines()["Service"]["WatchdogSec"][0]) >= 30


def test_wrong_settings_are_not_tried_again_and_again() -> None:
    codes = unit_lines()["Service"]["RestartPreventExitStatus"][0].split()
    assert str(ConfigurationError.exit_code) in codes


def test_secrets_come_as_credentials_alone() -> None:
    service = unit_lines()["Service"]
    assert service["LoadCredential"]
    assert not {"Environment", "EnvironmentFile", "SetCredential"} & set(service)


def test_the_example_settings_find_the_credential() -> None:
    example = tomllib.loads((ROOT / "config/smartticket_config/smartticket.example.toml").read_text("utf-8"))
    given = {value.partition(":")[0] for value in unit_lines()["Service"]["LoadCredential"]}
    assert {source["password_file"] for source in example["sources"].values()} <= given


def test_the_unit_starts_the_command_that_exists() -> None:
    (command,) = unit_lines()["Service"]["ExecStart"]
    assert shlex.split(command)[:2] == ["/opt/smartticket/bin/smartticket", "run"]


@needs_systemd
def test_the_exposure_score_stays_low() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    score = re.search(r"exposure level for smartticket.service: ([\d.]+)", done.stdout)
    assert score, done.stdout + done.stderr
    assert float(score[1]) <= MOST_EXPOSURE


@needs_systemd
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    copy.write_text(text.replace("/opt/smartticket/bin/smartticket", shutil.which("true") or ""), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_the_image_runs_without_root() -> None:
    assert last("USER") == "10001:10001"
    assert [word for word, _ in steps()].index("USER") < len(steps()) - 1


def test_the_image_watches_its_own_health() -> None:
    assert last("HEALTHCHECK").endswith('CMD ["smartticket", "status"]')


def test_the_image_runs_the_daemon_and_stops_it_in_good_order() -> None:
    assert (last("ENTRYPOINT"), last("CMD"), last("STOPSIGNAL")) == ('["smartticket"]', '["run"]', "SIGTERM")
    assert last("VOLUME") == '["/var/lib/smartticket"]'


def test_the_image_takes_nothing_that_is_not_pinned_by_hash() -> None:
    installs = [
        part for word, rest in steps() if word == "RUN" for part in rest.split("&&") if " install " in part
    ]
    python = [part for part in installs if "pip" in part]
    assert python
    assert [p for p in python if "--require-hashes" not in p and "--no-deps" not in p] == []
    assert "ADD" not in [word for word, _ in steps()]


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/compose.yaml"])
def test_no_registry_is_named(name: str) -> None:
    named = [word for word in (ROOT / name).read_text("utf-8").split() if ADDRESS.match(word)]
    assert named == []


def test_the_last_stage_carries_the_environment_alone() -> None:
    words = [word for word, _ in steps()]
    final = steps()[len(words) - 1 - words[::-1].index("FROM") :]
    assert [rest for word, rest in final if word == "COPY"] == [
        "--from=builder /opt/smartticket /opt/smartticket"
    ]
