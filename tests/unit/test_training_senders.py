"""Corrections of one sender that nobody else's bear out are held out, and named; honest ones never are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scipy.stats import fisher_exact

from smartticket_config.settings import ModelSettings, Settings
from smartticket_daemon.cli.models_gate import weigh
from smartticket_daemon.cli.train_view import say_trained
from smartticket_daemon.domain import Opinion
from smartticket_daemon.errors import DataError, ModelError
from smartticket_model import artifact, load
from smartticket_training.api import train_on
from smartticket_training.build import Trained
from smartticket_training.dataset import Dataset
from smartticket_training.feedback import Lesson
from smartticket_training.fit import Options
from smartticket_training.report.answer import loaded
from smartticket_training.report.facts import Facts
from smartticket_training.senders import by_chance, contradicted
from smartticket_training.teaching import teach

WORDS = Options("word", jobs=1)
WHEN = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = {
    "billing": "the invoice shows a wrong amount, please correct the bill number",
    "refund": "I want my money back for the order I returned, parcel",
}
ROWS = Dataset(
    [("", f"{text} {n}") for text in TEXTS.values() for n in range(30)],
    [label for label in TEXTS for _ in range(30)],
)


def lessons(sender: str, about: str, label: str, count: int) -> list[Lesson]:
    """What agents made of this sender's tickets; each has a key that begins with the sender."""
    return [
        Lesson(
            "",
            f"{TEXTS[about]} of {sender} {n}",
            label,
            "billing",
            Opinion.CORRECTED,
            sender,
            WHEN,
            f"{sender}-{n:04}",
        )
        for n in range(count)
    ]


HONEST = [lesson for n in range(40) for lesson in lessons(f"honest{n}", "refund", "refund", 1)]
REGULAR = lessons("regular", "refund", "refund", 8)
FORGED = lessons("mallory", "billing", "refund", 3)


def test_the_chance_is_that_of_fishers_exact_test() -> None:
    for wrong, own, others_wrong, others in ((3, 3, 2, 40), (5, 10, 20, 60), (0, 4, 3, 9), (10, 10, 0, 5)):
        table = [[wrong, own - wrong], [others_wrong, others - others_wrong]]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert by_chance(wrong, own, others_wrong, others) == pytest.approx(expected)


def test_forged_corrections_are_held_out_and_honest_ones_learnt() -> None:
    rows, taught = teach(ROWS, [*HONEST, *REGULAR, *FORGED], WORDS)
    (found,) = taught.contradicted
    assert (found.key, found.corrections, found.contradicted) == ("mallory-0000", 3, 3)
    assert (found.others, found.others_contradicted, found.trusted) == (48, 0, False)
    assert rows.dropped["sender contradicted"] == 3
    assert len(rows.labels) == len(ROWS.labels) + 48
    assert not any("mallory" in body for _, body in rows.pairs)


def test_of_a_trusted_sender_all_is_learnt_and_the_manifest_says_so() -> None:
    many = lessons("mallory", "billing", "refund", 20)
    some = [replace(own, trusted=own.key == "mallory-0007") for own in many]
    rows, taught = teach(ROWS, [*HONEST, *some], WORDS)
    assert taught.contradicted[0].trusted
    assert sum("mallory" in body for _, body in rows.pairs) == 20
    assert taught.told()["learnt"] == {"corrected": 60, "labelled": 0, "confirmed": 0}
    others = [replace(own, trusted=True) for own in HONEST]
    assert not teach(ROWS, [*others, *many], WORDS)[1].contradicted[0].trusted


def test_few_corrections_of_each_cost_nothing_and_name_nobody() -> None:
    nothing = Dataset([], [])
    assert contradicted(nothing, lessons("mallory", "billing", "refund", 2), WORDS) == {}


def test_corrections_beside_a_file_without_labelled_rows_are_refused() -> None:
    with pytest.raises(DataError, match="too few rows"):
        teach(Dataset([], []), FORGED, WORDS)


def test_the_same_text_again_and_again_is_one_correction() -> None:
    again = [replace(FORGED[0], key=f"mallory-{n}") for n in range(50)]
    assert contradicted(ROWS, [*HONEST, *again], WORDS) == {}


def test_one_sender_alone_has_nobody_to_be_compared_with() -> None:
    rows, taught = teach(ROWS, lessons("mallory", "billing", "refund", 30), WORDS)
    assert taught.contradicted == ()
    assert rows.dropped["too many of one sender"] == 27


def trained(folder: Path, *, trusted: bool) -> Trained:
    forged = [replace(own, trusted=trusted) for own in FORGED]
    rows, taught = teach(ROWS, [*HONEST, *forged], WORDS)
    return train_on(rows, folder, options=WORDS, taught=taught)


def test_the_gate_refuses_what_learnt_from_a_contradicted_sender(tmp_path: Path) -> None:
    without = trained(tmp_path / "without", trusted=False).folder
    forced = trained(tmp_path / "forced", trusted=True).folder
    settings = Settings(model=ModelSettings(path=without))
    words = "it learnt what one sender taught, mallory-0000: a model without them says otherwise for 3 of"
    assert not any("one sender" in reason for reason in weigh(settings, load(without), None).against)
    assert any(words in reason for reason in weigh(settings, load(forced), None).against)


@pytest.mark.parametrize(("trusted", "done"), [(False, "held out"), (True, "learnt from, as")])
def test_the_operator_is_told_whose_corrections_and_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trusted: bool, done: str
) -> None:
    found = trained(tmp_path / "model", trusted=trusted)
    say_trained(found, "keep")
    said = capsys.readouterr().err
    assert f"feedback: corrected {43 if trusted else 40}, labelled 0, confirmed 0" in said
    assert f"a sender's 3 corrections {done}" in said
    assert ("train with --trust mallory-0000" in said) is not trusted
    page = loaded(Facts(found))
    assert f"The corrections of one sender (mallory-0000) were {done}" in page
    assert "smartticket explain mallory-0000" in page


def test_a_manifest_that_tells_nonsense_of_its_corrections_is_refused(tmp_path: Path) -> None:
    folder = trained(tmp_path / "model", trusted=False).folder
    manifest, arrays, _ = artifact.read(folder)
    bare = {key: value for key, value in manifest.items() if key not in ("format", "files")}
    told: list[object] = [[{}], [7], 7, [{"trusted": True}]]
    for nonsense in told:
        data = {**manifest["data"], "feedback": {"contradicted": nonsense}}
        artifact.write(folder, {**bare, "data": data}, arrays)
        with pytest.raises(ModelError, match="does not say whose corrections"):
            weigh(Settings(model=ModelSettings(path=folder)), load(folder), None)
