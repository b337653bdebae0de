"""What does not fit together in the settings is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartticket_config.settings import Configuration, load
from smartticket_daemon.assemble import check_fit, load_replies, policy_for
from smartticket_daemon.errors import ConfigurationError
from smartticket_model import load as load_model


def configured(folder: Path, text: str) -> Configuration:
    file = folder / "smartticket.toml"
    file.write_text(f'[daemon]\nstate_dir = "{folder}"\n{text}', "utf-8")
    return load(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[heads.priority]\ntag = "priority__{label}"\n', ""),
        (
            '[heads.priority]\ntag = "category__{label}"\n',
            "[heads.priority] tag: category__{label} looks like",
        ),
        ('[heads.mood]\ntag = "mood__{label}"\n', "[heads.mood]: the model has no such head"),
        ('[categories.billing]\ntag = "category__complaint_feedback"\n', "is also the tag of"),
    ],
)
def test_tags_that_would_be_taken_for_others_are_refused(tmp_path: Path, text: str, told: str) -> None:
    settings = configured(tmp_path, text).settings
    found = check_fit(settings, load_model(), load_replies(settings))
    assert len(found) == bool(told)
    assert told in "\n".join(found)


def test_a_field_for_the_category_has_no_room_for_a_head(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x", "utf-8")
    fresh = (
        '[sources.fresh]\nkind = "freshdesk"\nurl = "https://acme.freshdesk.com"\n'
        f'api_key_file = "{tmp_path / "key"}"\n'
    )
    heads = '[heads.priority]\ntag = "priority__{label}"\n'
    free = configured(tmp_path, fresh + heads)
    assert policy_for(free.settings, free.sources["fresh"], load_model()).heads
    full = configured(tmp_path, fresh + 'category_field = "cf_triage"\n' + heads)
    with pytest.raises(ConfigurationError, match="category_field"):
        policy_for(full.settings, full.sources["fresh"], load_model())
