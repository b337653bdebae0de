"""What RT's REST 2.0 answers, as far as it is read.

RT writes numbers as text or not, and an absent value as null or as an empty text, depending on the place.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from smartticket_daemon.errors import Unreachable
from smartticket_daemon.http import Answer


def _text(value: Any) -> Any:
    return "" if value is None else str(value) if isinstance(value, int) else value


def _list(value: Any) -> Any:
    return value or ()


def _flag(value: Any) -> bool:
    return value not in (None, "", 0, "0", False)


def _referred(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Reference = Annotated[int, BeforeValidator(_referred)]
"""The number of something else, which RT writes as such or as an object that has it."""


class Wire(BaseModel):
    """Anything RT sends; what we do not know is passed over."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Named(Wire):
    """A reference to a queue (`id` is its number) or a user (`id` is the name)."""

    id: Text
    name: Text = Field(default="", alias="Name")


class FieldValues(Wire):
    """One custom field of a ticket with its values, or of a queue without."""

    id: Text
    name: Text = ""
    values: Annotated[tuple[Text, ...], BeforeValidator(_list)] = ()


class Link(Wire):
    """What RT offers to do next; `comment` and `create` stand there only with the right to."""

    ref: Text = ""


class TicketRow(Wire):
    """A ticket, whole or as one row of a search."""

    id: int
    status: Text = Field(default="", alias="Status")
    subject: Text = Field(default="", alias="Subject")
    created: AwareDatetime = Field(alias="Created")
    queue: Named = Field(alias="Queue")
    fields: Annotated[tuple[FieldValues, ...], BeforeValidator(_list)] = Field(
        default=(), alias="CustomFields"
    )
    priority: Text = Field(default="", alias="Priority")
    requesters: Annotated[tuple[Named, ...], BeforeValidator(_list)] = Field(default=(), alias="Requestor")
    links: Annotated[tuple[Link, ...], BeforeValidator(_list)] = Field(default=(), alias="_hyperlinks")


class Step(Wire):
    """One transaction of a ticket's history. `data` is the subject, where it is a comment.

    `ticket` stands only in what is read of many tickets at once.
    """

    id: int
    kind: Text = Field(alias="Type")
    creator: Named = Field(alias="Creator")
    field: Text = Field(default="", alias="Field")
    old: Text = Field(default="", alias="OldValue")
    new: Text = Field(default="", alias="NewValue")
    data: Text = Field(default="", alias="Data")
    ticket: Reference = Field(default=0, alias="ObjectId")


class Attachment(Wire):
    """A leaf or node of a stored mail. `headers` is text, `content` base64 (in lists absent, or the text).

    `step` is the transaction that it came with, where many are read at once.
    """

    id: int
    content_type: Text = Field(default="", alias="ContentType")
    filename: Text = Field(default="", alias="Filename")
    headers: Text = Field(default="", alias="Headers")
    content: Text = Field(default="", alias="Content")
    step: Reference = Field(default=0, alias="TransactionId")


class Person(Wire):
    """A user. `memberships` is there only for ourselves, or for who may administer users."""

    name: Text = Field(default="", alias="Name")
    address: Text = Field(default="", alias="EmailAddress")
    real_name: Text = Field(default="", alias="RealName")
    privileged: Flag = Field(default=False, alias="Privileged")
    memberships: list[Any] | None = Field(default=None, alias="Memberships")


class Queue(Wire):
    """A queue with the custom fields its tickets have."""

    id: Text
    name: Text = Field(alias="Name")
    fields: Annotated[tuple[FieldValues, ...], BeforeValidator(_list)] = Field(
        default=(), alias="TicketCustomFields"
    )
    links: Annotated[tuple[Link, ...], BeforeValidator(_list)] = Field(default=(), alias="_hyperlinks")


class CustomField(Wire):
    """A custom field: `Freeform`, `Select` ..., and how many values it takes (0: any number)."""

    kind: Text = Field(default="", alias="Type")
    most: int = Field(default=1, alias="MaxValues")


T = TypeVar("T", bound=Wire)


def one(answer: Answer, kind: type[T]) -> T:
    """The object in an answer. Raises Unreachable when it is not what RT sends."""
    return _valid(answer, kind, answer.json())


def many(answer: Answer, kind: type[T]) -> list[T]:
    """The rows of a collection. Raises Unreachable when it is not what RT sends."""
    items = answer.json().get("items")
    return [_valid(answer, kind, item) for item in items] if isinstance(items, list) else []


def _valid(answer: Answer, kind: type[T], value: Any) -> T:
    try:
        return kind.model_validate(value)
    except ValidationError:
        raise Unreachable(f"{answer.where}: the answer is not what RT sends; look at url") from None
