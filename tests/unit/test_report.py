"""The report of a training: whole, self-contained, without a customer's text, the same for the same seed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from smartticket_daemon.errors import ConfigurationError
from smartticket_model import load
from smartticket_training.api import train_on
from smartticket_training.build import Trained
from smartticket_training.corpus import dataset, load_corpus
from smartticket_training.dataset import Dataset
from smartticket_training.fit import Options
from smartticket_training.report import Facts, write_report
from smartticket_training.report.card import card
from smartticket_training.report.findings import suspects
from smartticket_training.report.growth import Size, last_doubling, learning_curve
from smartticket_training.report.private import names_in
from smartticket_training.report.terms import useful_terms
from smartticket_training.report.write import report

VOID = {"meta", "br"}
SECTIONS = 12
PICTURES = 4
"""Those that every report has: bars, lengths, learning curve, reliability; and one more for each category."""

HOSTILE = "<script>alert('x')</script>\"|&</title>"
OTHER = "</svg><img src=x onerror=y>"
DAY = date(2026, 11, 23)


class Page(HTMLParser):
    """A page taken apart; every element must be closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def canaries() -> Dataset:
    """Tickets of three categories whose words one customer, or several, wrote beside the matter."""
    wanted = ("billing", "order_delivery", "technical_issue")
    tickets = [[t for t in load_corpus() if t.category == name and t.language == "en"] for name in wanted]
    data = dataset([t for own in tickets for t in own[:: max(1, len(own) // 130)]])
    pairs, groups = list(data.pairs), [f"sender{n}" for n in range(len(data.pairs))]
    bills = [n for n, label in enumerate(data.labels) if label == "billing"]
    for n in bills[:40]:
        said = (
            "My name is Zebulon Quasarberg, zork.blim@vexel.example, see www.plonk.example, reference 77123"
        )
        pairs[n] = (pairs[n][0], f"{pairs[n][1]} {said} wibblewobble")
    for n in bills[40:60]:
        pairs[n], groups[n] = (pairs[n][0], f"{pairs[n][1]} frumiousness"), "one sender"
    return replace(data, pairs=pairs, groups=groups, heads={})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_on(canaries(), tmp_path_factory.mktemp("m") / "mine", options=Options("word", jobs=1))


@pytest.fixture(scope="module")
def html(trained: Trained) -> str:
    return report(Facts(trained, {"seed": "0"}, when=DAY), "mine")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_section_and_picture_is_there_and_each_is_explained(page: Page, trained: Trained) -> None:
    anchors = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{anchor}" for anchor in anchors]
    assert len(anchors) == page.count("h2") == SECTIONS
    assert page.count("svg") == PICTURES + len(trained.categories)
    explained = sum(attributes.get("class") == "read" for _, attributes in page.tags)
    assert explained >= PICTURES + 3  # the matrix, the thresholds and the lists have one each


def test_the_page_loads_nothing_and_runs_nothing(html: str, page: Page) -> None:
    assert {"script", "link", "img", "iframe", "object", "form", "base"}.isdisjoint(t for t, _ in page.tags)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", html)
    named = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in named if name.startswith("on") or name in ("src", "srcset", "data")]


def test_figures_are_those_of_the_training(page: Page, trained: Trained) -> None:
    assert f"{trained.metrics['accuracy']:.1%}" in page.text
    assert f"{trained.metrics['coverage']:.1%}" in page.text
    assert trained.digest in page.text


def test_no_text_of_a_ticket_is_shown(page: Page, trained: Trained) -> None:
    shown = re.findall(r"\w+", page.text.lower())
    runs = {tuple(shown[n : n + 5]) for n in range(len(shown) - 4)}
    for subject, body in trained.data.pairs:
        words = re.findall(r"\w+", f"{subject} {body}".lower())
        assert sorted(runs & {tuple(words[n : n + 5]) for n in range(len(words) - 4)}) == []


def test_what_one_customer_wrote_is_not_shown_and_what_many_wrote_is(html: str, trained: Trained) -> None:
    terms = useful_terms(trained.fitted, trained.data, seed=0, most=100)
    words = {word for found in terms.values() for term in found for word in term.split()}
    lowered = f"{html} {words}".lower()
    for private in ("zebulon", "quasarberg", "zork", "blim", "vexel", "plonk", "77123", "frumiousness"):
        assert private not in lowered
    assert "wibblewobble" in words


def test_the_terms_speak_of_the_matter(trained: Trained) -> None:
    found = useful_terms(trained.fitted, trained.data, seed=0)
    assert {"package", "parcel", "delivery", "order"} & {
        w for t in found["order_delivery"] for w in t.split()
    }
    assert {"invoice", "charged", "bill", "payment"} & {w for t in found["billing"] for w in t.split()}


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "a@" * 50_000, "my name is " * 10_000, "Hi Aa " * 20_000, "www" * 9]
)
def test_looking_for_names_takes_time_by_length_alone(text: str) -> None:
    begun = process_time()
    names_in([text])
    assert process_time() - begun < 1


def test_names_are_told_from_words_by_where_they_stand() -> None:
    texts = [
        "Hello, my name is paul and I",
        "Dear Ms Miller, I paid",
        "regards,\nPaul",
        "I paid Miller the bill",
    ]
    found = names_in([*texts, "ich heiße Jürgen", "je m'appelle Amélie Dupont", *["I paid the bill"] * 30])
    assert {"paul", "miller", "jürgen", "amélie", "dupont"} <= found
    assert {"paid", "bill", "the"}.isdisjoint(found)


def test_labels_are_shown_as_they_are_whatever_they_hold(tmp_path: Path) -> None:
    data = canaries()
    names = {"billing": HOSTILE, "order_delivery": OTHER, "technical_issue": "tab\tand | line\nbreak"}
    renamed = replace(data, labels=[names[label] for label in data.labels])
    made = train_on(renamed, tmp_path / HOSTILE.replace("/", ""), options=Options("word", jobs=1))
    facts = Facts(made, {HOSTILE: HOSTILE}, load(made.folder), DAY)
    page = Page(report(facts, HOSTILE))
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert HOSTILE in page.text
    assert OTHER in page.text
    rows = [line for line in card(facts, "x").splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows if "%" in row and "sure" not in row}) <= 2
    assert "<script" not in card(facts, "x").replace("\\<", "")


def test_the_same_seed_gives_the_same_bytes_but_for_the_day(trained: Trained, html: str) -> None:
    again = report(Facts(trained, {"seed": "0"}, when=DAY), "mine")
    assert again == html
    later = report(Facts(trained, {"seed": "0"}, when=date(2027, 1, 1)), "mine")
    assert later.replace("2027-01-01", "2026-11-23") == html


def test_report_and_card_are_written_and_the_artifact_stays_whole(trained: Trained, tmp_path: Path) -> None:
    write_report(Facts(trained, when=DAY), tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    words = (trained.folder / "MODEL_CARD.md").read_text("utf-8")
    for heading in ("for", "trained on", "How good", "Thresholds", "cannot do", "must watch"):
        assert re.search(f"^## .*{heading}", words, re.MULTILINE)
    assert trained.digest in words
    assert load(trained.folder).digest == trained.digest
    with pytest.raises(ConfigurationError, match="cannot write the report"):
        write_report(Facts(trained, when=DAY), tmp_path / "nowhere" / "mine.html")


def test_the_running_model_is_compared_on_the_same_rows(trained: Trained, tmp_path: Path) -> None:
    data = canaries()
    shuffled = [data.labels[n] for n in np.random.default_rng(0).permutation(len(data.labels))]
    poor = train_on(replace(data, labels=shuffled), tmp_path / "poor", options=Options("word", jobs=1))
    page = Page(report(Facts(trained, running=load(poor.folder), when=DAY), "mine"))
    assert "It is better than the current model" in page.text
    page = Page(
        report(Facts(poor, running=load(poor.folder), when=DAY), "poor")
    )  # it knows these rows by heart
    assert "It is worse than the current model" in page.text


def test_a_model_of_other_categories_is_not_compared(trained: Trained, tmp_path: Path) -> None:
    data = canaries()
    other = replace(data, labels=[f"our {label}" for label in data.labels])
    made = train_on(other, tmp_path / "other", options=Options("word", jobs=1))
    assert "none of these categories" in report(Facts(made, running=load(trained.folder), when=DAY), "m")


def test_rows_held_out_and_further_heads_are_told(tmp_path: Path) -> None:
    data = canaries()
    heads = {"priority": ["high" if n % 3 else "" if n % 2 else "low" for n in range(len(data.labels))]}
    timed = replace(
        data, heads=heads, times=[f"2026-01-01T{n // 60:02}:{n % 60:02}" for n in range(len(data.labels))]
    )
    made = train_on(timed, tmp_path / "m", options=Options("word", jobs=1, held_out=0.2))
    facts = Facts(made, running=load(made.folder), when=DAY)
    text = Page(report(facts, "m")).text
    assert made.held_out
    assert f"Measured on {made.held_out['n']} tickets held out (the latest)" in text
    assert f"Both judged the same {made.held_out['n']} tickets" in text
    assert f"{made.held_out['accuracy']:.1%}" in text
    told = card(facts, "m")
    assert "Besides the category it says: priority" in told
    assert "from 2026-01-01T00:00 to 2026-01-01T0" in told


def test_the_learning_curve_ends_with_the_model_itself(trained: Trained) -> None:
    sizes, judged = learning_curve(trained.fitted, trained.data, seed=0)
    seen, unseen = trained.fitted.folds[0]
    assert [size.rows for size in sizes] == sorted(size.rows for size in sizes)
    assert 3 <= len(sizes) <= 5
    assert (sizes[-1].rows, judged) == (len(seen), len(unseen))
    assert sizes[0].accuracy < sizes[-1].accuracy


def test_what_a_doubling_gives_is_told_also_where_the_last_step_is_larger() -> None:
    assert last_doubling([Size(1000, 0.5), Size(2000, 0.7), Size(8000, 0.8)]) == pytest.approx(0.05)
    assert last_doubling([Size(1000, 0.5)]) == 0


def test_wrong_labels_are_found(tmp_path: Path) -> None:
    data = canaries()
    labels, chance = list(data.labels), np.random.default_rng(1)
    wrong = set(chance.choice(len(labels), len(labels) // 20, replace=False).tolist())
    for row in wrong:
        labels[row] = chance.choice([name for name in data.categories() if name != labels[row]])
    made = train_on(
        replace(data, labels=labels, groups=None), tmp_path / "m", options=Options("word", jobs=1)
    )
    head = made.fitted.category
    found = {one.row for one in suspects(head.truth, np.exp(head.out_of_fold))}
    planted = {n for n, pair in enumerate(made.data.pairs) if pair in {data.pairs[row] for row in wrong}}
    assert len(found & planted) >= 0.5 * len(planted)
    assert len(found & planted) >= 0.25 * len(found)


def test_confident_learning_counts_by_the_mean_of_each_category() -> None:
    """Category 0 is usually 0.8 sure: at 0.7 a row of category 1 does not count as 0, at 0.9 it does."""
    truth = np.array([0, 0, 1, 1, 1])
    likely = np.array([[0.8, 0.2], [0.8, 0.2], [0.7, 0.3], [0.9, 0.1], [0.1, 0.9]])
    assert [(one.row, one.given, one.suggested) for one in suspects(truth, likely)] == [(3, 1, 0)]
