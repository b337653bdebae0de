"""What a loaded model answers, and what it does not need for it."""

from __future__ import annotations

import copy
import dataclasses
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartticket_model import Model, load
from smartticket_model.features import MAX_CHARS, char_terms, clean, recipe, word_terms

ODD = [
    "",
    " ",
    "\n\t\r\x1c\x85\u2028",
    "a",
    "ab",
    "\0",
    "\ud800 lone \udfff",
    "ß ẞ İ ı ﬁ ﷺ Å",
    "e\u0301" * 50,
    "\u200b\u202e\ufeff",
    "👩‍👩‍👧‍👦 💳❓",
    "请问什么时候发货",
    "x" * 200_000,
    "refund " * 20_000,
    "\ufdfa" * 40_000,
    "٣٤٥ １２３ 12",
    "_ __ a_b",
]


@pytest.fixture(scope="module")
def model() -> Model:
    return load()


@pytest.mark.parametrize(
    ("subject", "body", "label"),
    [
        ("Invoice", "I was charged twice this month, please correct the bill", "billing"),
        ("", "cant log in, the password reset mail never comes", "account_access"),
        ("", "where is my parcel, tracking has not moved for a week", "order_delivery"),
        ("Refund", "please cancel my subscription and give me my money back", "refund_cancellation"),
        ("", "could you add a dark mode? would be a great feature", "feature_request"),
        ("Crash", "the app crashes with an error when I open the settings page", "technical_issue"),
    ],
)
def test_plain_tickets_are_known(model: Model, subject: str, body: str, label: str) -> None:
    prediction = model.predict(subject, body)
    assert prediction.label == label
    assert prediction.confidence == max(prediction.probabilities.values())
    assert prediction.language == "en"
    assert prediction.model == model.digest
    assert not prediction.empty


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gets_probabilities_of_all_labels(subject: str, body: str) -> None:
    check_sound(load_once(), subject, body)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_text_gets_probabilities_of_all_labels(model: Model, text: str) -> None:
    check_sound(model, text, text)
    check_sound(model, "", text)


def load_once(kept: list[Model] = []) -> Model:  # noqa: B006 - kept on purpose
    if not kept:
        kept.append(load())
    return kept[0]


def check_sound(model: Model, subject: str, body: str) -> None:
    prediction = model.predict(subject, body)
    assert tuple(prediction.probabilities) == model.categories
    assert math.isclose(sum(prediction.probabilities.values()), 1.0, rel_tol=1e-12)
    assert all(p >= 0 for p in prediction.probabilities.values())
    assert prediction.label in model.categories
    assert model.predict_many([(subject, body)]) == [prediction]
    assert all(math.isfinite(value) for _, value in model.explain(subject, body))


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "请问什么时候发货"])
def test_text_without_a_known_term_is_empty(model: Model, text: str) -> None:
    prediction = model.predict("", text)
    assert prediction.empty
    assert prediction.confidence < 0.6
    assert model.explain("", text) == []


def test_a_prediction_can_be_copied_and_taken_apart(model: Model) -> None:
    prediction = model.predict("Hi", "invoice")
    assert copy.deepcopy(prediction) == prediction
    assert dataclasses.asdict(prediction)["label"] == prediction.label


def test_contributions_sum_to_the_score_of_the_label(model: Model) -> None:
    subject, body = (
        "Charged twice!",
        "Hello, I was charged twice for the same invoice; charged 12.50 and 12.50.",
    )
    contributions = model.explain(subject, body)
    scores = model._scores(model._space.vector(subject, body))
    best = int(scores.argmax())
    assert sum(value for _, value in contributions) + model._bias[best] == pytest.approx(
        scores[best], abs=1e-9
    )
    assert [value for _, value in contributions] == sorted((v for _, v in contributions), reverse=True)
    terms = dict(contributions)
    assert {"charged", "the same", "invoice"} <= set(terms)
    assert "00.00" not in body
    assert all(term.strip() == term for term in terms)


def test_every_label_is_explained_exactly(model: Model) -> None:
    subject, body = "Refund", "Please send the money back, I never got the parcel."
    scores = model._scores(model._space.vector(subject, body))
    for column, label in enumerate(model.categories):
        parts = sum(value for _, value in model.explain(subject, body, label))
        assert parts + model._bias[column] == pytest.approx(scores[column], abs=1e-9)


def test_removing_the_strongest_term_lowers_the_label(model: Model) -> None:
    body = "please send me the invoice of last month"
    before = model.predict("", body)
    strongest = model.explain("", body)[0][0]
    after = model.predict("", body.replace(strongest, ""))
    assert after.probabilities[before.label] < before.probabilities[before.label]


def test_a_higher_target_asks_for_higher_thresholds(model: Model) -> None:
    low, high = model.thresholds_at(0.80), model.thresholds_at(0.95)
    assert set(high) <= set(low)
    assert all(high[label] >= low[label] for label in high)
    assert any(high[label] > low[label] for label in high)
    assert model.thresholds_at(0.90) == model.thresholds
    assert model.thresholds_at(1.01) == {}


def test_the_curve_trades_coverage_for_precision(model: Model) -> None:
    for points in model.curve.values():
        thresholds, precisions, coverages = map(list, zip(*points, strict=True))
        assert thresholds == sorted(thresholds, reverse=True)
        assert precisions == sorted(precisions, reverse=True)
        assert coverages == sorted(coverages)
        assert 0 < coverages[0] <= coverages[-1] <= 1


def test_threads_agree_with_one(model: Model) -> None:
    fresh = load()
    pairs = [
        (f"Order {n}", f"my parcel number {n} is late, word{n} again {'x' * (n % 40)}") for n in range(200)
    ]
    expected = model.predict_many(pairs)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: fresh.predict(*pair), pairs * 5))
    assert found == expected * 5


ALONE = """
import sys
sys.addaudithook(lambda event, _: event.startswith("pickle.") and sys.exit("something was unpickled"))
from smartticket_model import load
model = load()
assert model.predict("Invoice", "charged twice").label == "billing"
assert model.explain("Invoice", "charged twice")
assert model.predict("", "Guten Tag, ich möchte bitte meine Rechnung bekommen").language == "de"
heavy = {"sklearn", "scipy", "pandas", "joblib", "py3langid", "smartticket_training", "requests"}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""


def test_the_runtime_needs_neither_scikit_learn_nor_pickle() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


SENTENCES = {
    "en": "where is my order|my card was charged twice|cancel my subscription|hi, any update on my ticket?",
    "es": "no me llega el pedido|hola, quiero un reembolso|me han cobrado dos veces este mes"
    "|la aplicación se cierra sola|¿cuándo abren mañana?|por favor cancelen mi suscripción",
    "fr": "je n'ai pas reçu ma commande|impossible de me connecter|bonjour, je voudrais un remboursement"
    "|l'application plante tout le temps|merci de résilier mon abonnement|où est mon colis",
    "de": "mein paket ist nicht da|ich wurde doppelt belastet|die app stürzt ab|bitte um rückruf"
    "|Guten Tag, ich möchte kündigen|Wie sind Ihre Öffnungszeiten?|WO BLEIBT MEINE BESTELLUNG",
    "pt": "não recebi a minha encomenda|quero cancelar a assinatura|o aplicativo não abre"
    "|fui cobrado duas vezes|onde está o meu pedido|gostaria de um reembolso por favor",
    "it": "non ho ricevuto il pacco|vorrei un rimborso|ho dimenticato la password"
    "|mi avete addebitato due volte|buongiorno, siete aperti domenica?|potete aggiungere il tema scuro?",
    "nl": "mijn pakket is niet aangekomen|ik wil mijn geld terug|wachtwoord vergeten"
    "|waar blijft mijn bestelling|goedemorgen, zijn jullie zondag open?|graag mijn abonnement opzeggen",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_short_lines_show_their_language(model: Model, language: str) -> None:
    wrong = [line for line in SENTENCES[language].split("|") if model.predict("", line).language != language]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    ["", "ok", "?", "4711", "Не могу войти в аккаунт", "请问什么时候发货", "Hesabıma giriş yapamıyorum"],
)
def test_what_is_none_of_the_languages_is_answered_in_english(model: Model, text: str) -> None:
    assert model.predict("", text).language == "en"


def test_terms_are_counted_as_documented() -> None:
    assert word_terms(["a", "b", "c"], 1, 2) == ["a", "b", "c", "a b", "b c"]
    assert char_terms("ab", 3, 5) == [" ab", "ab ", " ab "]
    assert clean("Ｈｉ \ud800ID 4711") == "hi id 0000"
    assert len(clean("\ufdfa" * MAX_CHARS)) == MAX_CHARS
    assert [block.name for block in recipe(subject=False, full=False)] == ["text_word"]
    assert len({block.name for block in recipe(subject=True, full=True)}) == 4


def test_two_texts_with_the_same_hash_share_their_contribution_by_occurrence(model: Model) -> None:
    once, twice = model.explain("", "invoice"), model.explain("", "invoice invoice")
    assert np.isfinite([value for _, value in once + twice]).all()
    assert dict(once).keys() <= dict(twice).keys()
