"""What `check` says of an RT."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from smartticket_connectors.request_tracker.desk import Desk
from smartticket_connectors.request_tracker.wire import Queue
from smartticket_daemon.domain import Diagnosis, Finding, Mode
from smartticket_daemon.errors import AccessDenied, SmartTicketError, TransientError
from smartticket_daemon.http import NotFound

_TYPES = ("Freeform", "Autocomplete")
"""Custom fields that take any value; a list to select from takes only what an administrator put there."""


def diagnose(desk: Desk, routes: Collection[str]) -> Diagnosis:
    """Everything that can be said in one visit; without access, only that."""
    findings: list[Finding] = []
    steps: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _sign_in(desk),
        lambda: _queues(desk, routes),
    )
    for step in steps:
        try:
            findings += step()
        except SmartTicketError as error:
            findings.append(Finding(False, str(error), _mend(error), error.exit_code))
        if not all(finding.ok for finding in findings):
            break
    return Diagnosis(tuple(findings))


def _mend(error: SmartTicketError) -> str:
    if isinstance(error, AccessDenied):
        return "look at token_file and the rights of the user; make a new token if it has expired"
    if isinstance(error, TransientError):
        return "look at url and ca_file, and whether RT is up"
    return "look at url and token_file"


def _sign_in(desk: Desk) -> Iterator[Finding]:
    version, name = desk.version(), desk.settings.username
    if not version.startswith(("5.", "6.")):
        shown = version[:20] if version.isascii() and version.isprintable() else ""
        yield Finding(False, f"this is RT {shown or 'of an unknown version'}", "use RT 5 or later")
        return
    try:
        person = desk.user(name)
    except NotFound:
        yield Finding(False, f"RT knows no user {name}", "correct username", 77)
        return
    if person.memberships is None:
        text = f"the token is not that of {name}"
        yield Finding(False, text, "make the token as this user, or correct username", 77)
    elif not person.privileged:
        yield Finding(False, f"{name} is not a privileged user", "tick: Let this user be granted rights", 77)
    else:
        yield Finding(True, f"RT {version}: signed in as {name}")


def _queues(desk: Desk, routes: Collection[str]) -> Iterator[Finding]:
    known = desk.queues()
    writes = desk.settings.mode is not Mode.OBSERVE
    for name in dict.fromkeys((*desk.settings.queues, *sorted(routes))):
        if name not in known:
            mend = f"correct the name, or grant SeeQueue on it to {desk.settings.username}"
            yield Finding(False, f"there is no queue {name} that we may see", mend)
            continue
        queue = desk.queue(known[name])
        yield Finding(True, f"queue {name} is there")
        if writes:
            yield _field(desk, queue)
        if name in routes and writes:
            yield _creates(queue)
        yield from _tickets(desk, queue)


def _field(desk: Desk, queue: Queue) -> Finding:
    name = desk.settings.tag_field
    found = next((one for one in queue.fields if one.name.lower() == name.lower()), None)
    if found is None:
        return Finding(
            False,
            f"queue {queue.name} has no custom field {name} that we may see",
            f"Admin > Custom Fields > Create: Name {name}, Type Enter multiple values, Applies to Tickets;"
            " apply it globally; grant SeeCustomField and ModifyCustomField on it",
        )
    field = desk.custom_field(found.id)
    if field.kind not in _TYPES or field.most != 0:
        mend = "use a custom field of the type Enter multiple values"
        return Finding(False, f"custom field {name} does not take any number of any values", mend)
    return Finding(True, f"tags become values of the custom field {name} in queue {queue.name}")


def _creates(queue: Queue) -> Finding:
    if any(link.ref == "create" for link in queue.links):
        return Finding(True, f"tickets can be moved to queue {queue.name}")
    return Finding(
        False,
        f"tickets cannot be moved to queue {queue.name}",
        "grant CreateTicket on it: RT asks for it",
        77,
    )


def _tickets(desk: Desk, queue: Queue) -> Iterator[Finding]:
    """RT shows rights only on a ticket; an empty queue says nothing."""
    ticket = desk.newest(queue.name)
    if ticket is None:
        yield Finding(True, f"queue {queue.name}: no ticket yet, so rights on tickets cannot be seen")
    elif desk.settings.mode not in (Mode.OBSERVE, Mode.TAG) and "comment" not in {
        link.ref for link in ticket.links
    }:
        text = f"tickets of queue {queue.name} cannot be commented on"
        yield Finding(False, text, "grant CommentOnTicket on it", 77)
    else:
        yield Finding(True, f"tickets of queue {queue.name} can be seen")
