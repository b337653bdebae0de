"""What `bench/mutants.py` puts faults into, and which tests must notice them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_CONTRACT = "tests/contract/test_sqlite_journal.py"
_HISTORIES = f"{_CONTRACT}::TestSqliteJournal::test_any_history_agrees_with_a_plain_model"
_TESTS = ("--noconftest", _CONTRACT, f"--deselect={_HISTORIES}", "tests/unit/test_journal_erasure.py")
"""The quick ones: drawn histories would notice more, in ten times the time."""
_STORE = ("tests/unit/test_journal_trouble.py", "tests/unit/test_journal_threads.py")


@dataclass(frozen=True, slots=True)
class Target:
    """A file, the functions in it where not all count, and the tests that must notice."""

    file: str
    functions: frozenset[str] = frozenset()
    tests: tuple[str, ...] = _TESTS


JOURNAL = (
    Target("smartticket_daemon/journal/work.py"),
    Target("smartticket_daemon/journal/intake.py"),
    Target("smartticket_daemon/journal/rows.py"),
    Target("smartticket_daemon/journal/store.py", tests=(*_TESTS, *_STORE)),
    Target("smartticket_daemon/journal/feedback.py", frozenset(("set_feedback", "_values"))),
    Target("smartticket_daemon/journal/journal.py"),
)

_TAKEN = ".where(message.c.id.in_(oldest.with_for_update(skip_locked=True)), free)"
_LOCKS = "SQLite knows no locks of rows: a writer holds the whole store"
_ORDER = "SQLite gives rows in the order of their numbers anyway; another engine need not"

_LEASE = "read only of work that is being sent, and set anew whenever some is"

SAME: Mapping[tuple[str, str, str], str] = {
    ("intake.py", "_CHUNK = 500", "500 becomes 501"): "one more in a list is as good",
    (
        "work.py",
        "order = (func.coalesce(message.c.not_before, message.c.created), message.c.attempts, message.c.id)",
        "without message.c.id",
    ): _ORDER,
    ("work.py", "return row.not_before or row.created, row.attempts, row.id", "without row.id"): _ORDER,
    ("work.py", "update(message)", "without free"): _LOCKS,
    ("work.py", _TAKEN, "without skip_locked=True"): _LOCKS,
    ("work.py", _TAKEN, "True becomes False"): _LOCKS,
    ("work.py", "update(message)", "without lease_since=null()"): _LEASE,
    (
        "work.py",
        "if not _change(connection, key, _SENDING, now, lease_since=null(), **back):",
        "without lease_since=null()",
    ): _LEASE,
    (
        "work.py",
        "if not _change(connection, key, _OPEN, now, lease_since=null(), **values):",
        "without lease_since=null()",
    ): _LEASE,
    (
        "work.py",
        "fewer = case((message.c.attempts > 0, message.c.attempts - 1), else_=0)",
        "0 becomes 1",
    ): "one attempt becomes none on either way",
}
"""By file, line and fault: why no test can notice it, as nothing changes that anybody sees."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`old`, which stands once in the file, becomes `new`."""

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_ZENDESK = "connectors/smartticket_connectors/zendesk"
_FRESHDESK = "connectors/smartticket_connectors/freshdesk"
_RT = "connectors/smartticket_connectors/request_tracker"
_IMAP = "connectors/smartticket_connectors/imap"
_FOLDER = "connectors/smartticket_connectors/folder"
_WRITING = "tests/integration/test_zendesk_writing.py"
_OF_ZENDESK = (
    _WRITING,
    "tests/contract/test_zendesk_contract.py",
    "tests/integration/test_zendesk_faults.py",
)
_PRIVATE = ("tests/unit/test_zendesk_private.py", _WRITING)
_OF_FRESHDESK = ("tests/contract/test_freshdesk_contract.py", "tests/integration/test_freshdesk_people.py")
_PUBLIC = ("tests/unit/test_freshdesk_public.py",)
_OF_RT = ("tests/unit/test_request_tracker.py", "tests/unit/test_request_tracker_desk.py")
_OF_IMAP = ("tests/integration/test_imap_writing.py", "tests/integration/test_imap_people.py")
_OF_FOLDER = ("tests/contract/test_folder_contract.py", "tests/unit/test_folder_writing.py")

WRITES = (
    Fault("the note is public", f"{_ZENDESK}/change.py", '"public": False', '"public": True', _PRIVATE),
    Fault("public or not is not said", f"{_ZENDESK}/change.py", ', "public": False', "", _PRIVATE),
    Fault(
        "no key is left",
        f"{_ZENDESK}/change.py",
        'change["metadata"] = mark(key, tags, group, ticket.group if group else None)',
        "pass",
        _OF_ZENDESK,
    ),
    Fault(
        "written on whatever stands there",
        f"{_ZENDESK}/change.py",
        'return {"safe_update": True, "updated_stamp": ticket.stamp}',
        "return {}",
        _OF_ZENDESK,
    ),
    Fault("others' tags go", f"{_ZENDESK}/change.py", "[*ticket.tags, *tags]", "[*tags]", _OF_ZENDESK),
    Fault(
        "what was done is not looked up",
        f"{_ZENDESK}/writer.py",
        "done = self._receipt(ticket.id, self._deeds(history))",
        "done = Receipt()",
        _OF_ZENDESK,
    ),
    Fault(
        "a person's group counts as free",
        f"{_ZENDESK}/writer.py",
        "if name != triage.route and name not in",
        "if name == triage.route and name not in",
        _OF_ZENDESK,
    ),
    Fault(
        "the answer is not looked at",
        f"{_ZENDESK}/writer.py",
        'if comment.get("public") is not False:',
        "if False:",
        _PRIVATE,
    ),
    Fault("the note is public", f"{_FRESHDESK}/api.py", '"private": True', '"private": False', _PUBLIC),
    Fault("private or not is not said", f"{_FRESHDESK}/api.py", ', "private": True', "", _PUBLIC),
    Fault(
        "the answer is not looked at",
        f"{_FRESHDESK}/writer.py",
        'private=answer.get("private") is True',
        "private=True",
        _PUBLIC,
    ),
    Fault(
        "others' tags go",
        f"{_FRESHDESK}/writer.py",
        "(*look.categories, *update.tags)",
        "update.tags",
        _OF_FRESHDESK,
    ),
    Fault(
        "another key is left",
        f"{_FRESHDESK}/writer.py",
        "Record(key,",
        'Record(Key("0" * 32),',
        _OF_FRESHDESK,
    ),
    Fault(
        "what was done is not looked up",
        f"{_FRESHDESK}/writer.py",
        "if look.own:",
        "if False:",
        _OF_FRESHDESK,
    ),
    Fault(
        "a person's group counts as free",
        f"{_FRESHDESK}/writer.py",
        "if not free and look.group != route:",
        "if False:",
        _OF_FRESHDESK,
    ),
    Fault(
        "the customer is answered",
        f"{_RT}/desk.py",
        'self._write("POST", f"/ticket/{ticket.number}/comment"',
        'self._write("POST", f"/ticket/{ticket.number}/correspond"',
        _OF_RT,
    ),
    Fault(
        "written on whatever stands there",
        f"{_RT}/desk.py",
        '{"If-Match": ticket.version}',
        "{}",
        _OF_RT,
    ),
    Fault(
        "a second draft",
        f"{_IMAP}/writer.py",
        "position = self._drafts.find(key, fresh=False)\n        if position is None:",
        "position = None\n        if position is None:",
        _OF_IMAP,
    ),
    Fault("others' tags go", f"{_IMAP}/tags.py", 'f"{verb}_flags"', '"set_flags"', _OF_IMAP),
    Fault(
        "what a person decided is not looked at",
        f"{_FOLDER}/connector.py",
        "            _refuse_overtaken(letter, record, triage, key)",
        "            pass",
        _OF_FOLDER,
    ),
)
