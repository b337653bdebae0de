from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smartticket_daemon.domain import Action, Author, Message, MessageRef, Mode, Prediction, State, Status
from smartticket_daemon.errors import ModelError
from smartticket_daemon.judge import Judge, Verdict, telling, text_of
from smartticket_daemon.replies import Replies
from tests.desk import START, UNSURE, Desk, WordClassifier


def message(subject: str, name: str = "m", **fields: Any) -> Message:
    return Message(MessageRef("support", name, name), subject, "body", START, **fields)


def judge_all(judge: Judge, *messages: Message, threads: frozenset[str] = frozenset()) -> list[Verdict]:
    return list(judge(messages, threads, START))


def test_verdicts_keep_the_order_of_the_messages(desk: Desk) -> None:
    messages = [
        message("billing 0.95", "a"),
        message("x", "b", status=Status.CLOSED),
        message("technical_issue 0.2", "c"),
        message("y", "d", author=Author.AGENT),
        message("technical_issue 0.9", "e"),
    ]
    verdicts = judge_all(desk.source().judge, *messages)
    assert [v.message.ref.message for v in verdicts] == ["a", "b", "c", "d", "e"]
    assert [v.decision.reason for v in verdicts] == [
        "confident", "closed", "below_threshold", "agent", "confident",
    ]  # fmt: skip
    assert [v.state for v in verdicts] == [
        State.PENDING, State.SKIPPED, State.PENDING, State.SKIPPED, State.PENDING,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "subject", "unsure_tag", "state"),
    [
        (Mode.SUGGEST, "billing 0.9", UNSURE, State.PENDING),
        (Mode.TAG, "billing 0.9", UNSURE, State.PENDING),
        (Mode.OBSERVE, "billing 0.9", UNSURE, State.OBSERVED),
        (Mode.SUGGEST, "billing 0.1", UNSURE, State.PENDING),
        (Mode.SUGGEST, "billing 0.1", "", State.ABSTAINED),
        (Mode.OBSERVE, "billing 0.1", UNSURE, State.ABSTAINED),
    ],
)
def test_the_state_follows_from_mode_and_decision(
    desk: Desk, mode: Mode, subject: str, unsure_tag: str, state: State
) -> None:
    (verdict,) = judge_all(desk.source(mode, unsure_tag=unsure_tag).judge, message(subject))
    assert verdict.state is state


def test_a_note_is_made_in_suggest_mode_for_applied_messages_alone(desk: Desk) -> None:
    def note(mode: Mode, subject: str) -> bool:
        (verdict,) = judge_all(desk.source(mode).judge, message(subject))
        return verdict.triage.note is not None

    assert note(Mode.SUGGEST, "billing 0.9")
    assert not note(Mode.SUGGEST, "billing 0.1")
    assert not note(Mode.TAG, "billing 0.9")


def test_one_message_that_cannot_be_classified_is_quarantined_alone(desk: Desk) -> None:
    verdicts = judge_all(
        desk.source().judge, message("billing"), message("poison"), message("technical_issue")
    )
    assert [v.state for v in verdicts] == [State.PENDING, State.QUARANTINED, State.PENDING]
    assert verdicts[1].decision.reason == "cannot_classify"


def test_one_message_that_no_reply_can_be_written_for_is_quarantined_alone(
    desk: Desk, tmp_path: Path
) -> None:
    templates = tmp_path / "replies" / "en"
    templates.mkdir(parents=True)
    (templates / "billing.txt").write_text("Thank you.", "utf-8")
    judge = replace(desk.source().judge, replies=Replies([templates.parent]))
    verdicts = judge_all(judge, message("billing"), message("technical_issue"), message("billing"))
    assert [v.state for v in verdicts] == [State.PENDING, State.QUARANTINED, State.PENDING]


def test_one_message_that_the_filters_cannot_read_is_quarantined_alone(desk: Desk) -> None:
    broken: Any = message("billing", headers=(("list-id", 7), ("precedence", 7)))
    verdicts = judge_all(desk.source().judge, message("billing"), broken)
    assert [v.state for v in verdicts] == [State.PENDING, State.QUARANTINED]


class Unusable(WordClassifier):
    def predict_many(self, pairs: Any) -> list[Prediction]:
        raise ModelError("the artifact is damaged")


def test_an_unusable_model_is_no_messages_fault(desk: Desk) -> None:
    desk.classifier = Unusable()
    with pytest.raises(ModelError):
        judge_all(desk.source().judge, message("billing"))


def test_the_model_is_not_asked_for_what_is_skipped(desk: Desk) -> None:
    desk.classifier = Unusable()
    (verdict,) = judge_all(desk.source().judge, message("billing", status=Status.SPAM))
    assert verdict.decision.reason == "spam"


def test_follow_ups_are_told_by_the_threads(desk: Desk) -> None:
    judge, reply = desk.source().judge, message("billing", "reply", answers=("first",))
    assert judge_all(judge, reply)[0].decision.action is Action.APPLY
    assert judge_all(judge, reply, threads=frozenset({"first"}))[0].decision.reason == "follow_up"


def test_names_of_attachments_stand_in_for_a_missing_text() -> None:
    assert text_of(replace(message("s"), body="", files=("invoice.pdf", "2.png"))) == "invoice.pdf 2.png"
    assert text_of(replace(message("s"), files=("invoice.pdf",))) == "body"


class Telling(WordClassifier):
    def explain(self, subject: str, body: str, label: str | None = None) -> Any:
        assert label == "billing"
        return [
            ("charged twice", 0.9),
            ("charged", 0.8),
            ("to", 0.7),
            ("00 00", 0.6),
            ("invoice", 0.5),
            ("card", 0.2),
            ("x", -1.0),
        ]


def test_the_words_that_decided_stand_in_internal_notes_alone(desk: Desk) -> None:
    desk.classifier = Telling()
    judge = desk.source().judge
    [quiet] = judge_all(judge, message("billing 0.95"))
    [told] = judge_all(replace(judge, policy=replace(judge.policy, why=True)), message("billing 0.95"))
    assert quiet.triage.note
    assert told.triage.note
    assert told.triage.note.body == quiet.triage.note.body == quiet.triage.note.internal
    assert told.triage.note.internal.endswith("\n\nwhy: charged twice, invoice, card\n")


def test_only_what_speaks_for_the_category_is_told() -> None:
    assert telling([("invoice", 0.4), ("thanks", 0.0), ("bug", -0.3)]) == ("invoice",)
    assert telling([]) == ()
