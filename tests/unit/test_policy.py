import math
from dataclasses import replace

import pytest

from smartticket_daemon.domain import (
    Action,
    Decision,
    Message,
    MessageRef,
    Mode,
    Note,
    Prediction,
    Receipt,
    Triage,
)
from smartticket_daemon.policy import CategoryPolicy, HeadPolicy, Policy, decide, plan
from tests.desk import START, policy

MESSAGE = Message(MessageRef("s", "t", "m"), "subject", "body", START)
PREDICTION = Prediction("billing", 0.85, {"billing": 0.85, "other": 0.15}, {"billing": 0.8}, "de", "digest")
NOTE = Note("Hello", "billing.en")


def decision(
    prediction: Prediction = PREDICTION, message: Message = MESSAGE, wish: Policy | None = None
) -> Decision:
    return decide(message, prediction, wish or policy())


def test_a_confident_prediction_is_applied() -> None:
    assert decision() == Decision(Action.APPLY, "confident", "billing", 0.85, 0.8, "de")


def test_the_threshold_itself_is_enough() -> None:
    assert decision(replace(PREDICTION, confidence=0.8)).action is Action.APPLY


@pytest.mark.parametrize("confidence", [0.79999, 0.0, math.nan])
def test_below_the_threshold_it_abstains_and_says_so(confidence: float) -> None:
    found = decision(replace(PREDICTION, confidence=confidence))
    assert (found.action, found.reason, found.category) == (Action.ABSTAIN, "below_threshold", "billing")


def test_a_category_without_a_threshold_always_abstains() -> None:
    found = decision(replace(PREDICTION, confidence=1.0, thresholds={}))
    assert (found.action, found.reason, found.threshold) == (Action.ABSTAIN, "no_threshold", None)


def test_the_operators_threshold_wins_over_the_models() -> None:
    strict = Policy(Mode.TAG, {"billing": CategoryPolicy("category__billing", threshold=0.9)})
    assert decision(wish=strict).action is Action.ABSTAIN
    lax = Policy(Mode.TAG, {"billing": CategoryPolicy("category__billing", threshold=0.0)})
    assert decision(replace(PREDICTION, confidence=0.1, thresholds={}), wish=lax).action is Action.APPLY


def test_an_encrypted_mail_is_never_applied() -> None:
    assert decision(message=replace(MESSAGE, marks=frozenset({"encrypted"}))).reason == "encrypted"


def test_nothing_to_go_by_is_never_applied() -> None:
    assert decision(replace(PREDICTION, confidence=1.0, empty=True)).reason == "nothing_to_go_by"


@pytest.mark.parametrize(("mode", "note"), [(Mode.SUGGEST, NOTE), (Mode.TAG, None)])
def test_a_note_is_planned_in_suggest_mode_alone(mode: Mode, note: Note | None) -> None:
    assert plan(decision(), policy(mode), NOTE) == Triage(("category__billing",), "Billing", note)


@pytest.mark.parametrize("tag", ["category__unsure", ""])
def test_abstaining_plans_the_unsure_tag_and_nothing_else(tag: str) -> None:
    unsure = decision(replace(PREDICTION, confidence=0.1))
    assert plan(unsure, policy(unsure_tag=tag), NOTE) == Triage((tag,) if tag else ())


def test_skipping_plans_nothing() -> None:
    assert plan(Decision(Action.SKIP, "closed"), policy(), NOTE) == Triage()


def test_a_category_is_recognised_by_its_tag_whatever_its_case() -> None:
    assert policy().category_of(frozenset({"vip", "CATEGORY__Billing"})) == "billing"
    assert policy().category_of(frozenset({"vip", "category__unsure"})) is None


def test_every_other_category_is_a_rival_however_its_tag_is_named() -> None:
    wish = Policy(
        Mode.TAG, {"billing": CategoryPolicy("Bill"), "technical_issue": CategoryPolicy("Tech")}, "?"
    )
    planned = plan(decision(wish=wish), wish, None)
    unsure = plan(decision(replace(PREDICTION, confidence=0.0), wish=wish), wish, None)
    assert (planned.tags, planned.contradicted_by(["vip", "bill"])) == (("Bill",), False)
    assert planned.contradicted_by(["vip", "tech"])
    assert unsure.contradicted_by(["BILL"])


def test_a_tag_of_our_kind_is_a_rival_though_no_category_has_it() -> None:
    planned = Triage(("category__billing", "lang:de"))
    assert planned.contradicted_by(["Category__Legal"])
    assert not planned.contradicted_by(["CATEGORY__billing", "lang:fr", "vip"])


def test_what_is_left_to_do_has_the_same_rivals() -> None:
    left = Triage(("Bill",), "Billing", None, ("Tech",)).minus(Receipt(tags=("Bill",)))
    assert left == Triage((), "Billing")
    assert left.contradicted_by(["tech"])


HEADS = {"priority": HeadPolicy("priority__{label}", 0.7), "sentiment": HeadPolicy("mood:{label}", 0.9)}
TOLD = replace(PREDICTION, heads={"priority": ("urgent", 0.7), "sentiment": ("negative", 0.89)})


def headed(tags: frozenset[str] = frozenset(), prediction: Prediction = TOLD) -> tuple[str, ...]:
    wish = replace(policy(), heads=HEADS)
    return plan(decide(replace(MESSAGE, tags=tags), prediction, wish), wish, None).tags


def test_a_head_that_is_sure_enough_adds_its_tag() -> None:
    assert headed() == ("category__billing", "priority__urgent")


def test_no_head_is_told_unless_asked_for() -> None:
    assert plan(decision(TOLD), policy(), None).tags == ("category__billing",)


@pytest.mark.parametrize("tag", ["priority__low", "PRIORITY__urgent", "priority__weird"])
def test_a_persons_tag_of_a_head_wins(tag: str) -> None:
    assert headed(frozenset({tag})) == ("category__billing",)


def test_a_head_is_told_with_a_category_alone() -> None:
    assert headed(prediction=replace(TOLD, confidence=0.1)) == ("category__unsure",)


def test_out_of_scope_is_never_applied() -> None:
    found = decision(replace(PREDICTION, confidence=1.0, scope=-0.01))
    assert (found.action, found.reason) == (Action.ABSTAIN, "out_of_scope")
