"""What `check` says of a mailbox."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from smartticket_connectors.imap.drafts import Drafts
from smartticket_connectors.imap.session import Session
from smartticket_connectors.imap.tags import LABELS, Keeper
from smartticket_daemon.domain import Diagnosis, Finding, Mode
from smartticket_daemon.errors import AccessDenied, SmartTicketError


def diagnose(session: Session, keeper: Keeper, drafts: Drafts, routes: Collection[str]) -> Diagnosis:
    """Everything that can be said in one visit; what cannot be looked at any more is left out."""
    findings: list[Finding] = []
    steps: list[Callable[[], Iterator[Finding]]] = [
        lambda: _sign_in(session),
        lambda: _folder(session, keeper),
        lambda: _drafts(session, drafts),
        lambda: _routes(session, routes),
        lambda: _abilities(session),
    ]
    for step in steps:
        try:
            findings += step()
        except SmartTicketError as error:
            text, _, mend = str(error).partition("; ")
            findings.append(Finding(False, text, mend or _mend(error), error.exit_code))
            if step is steps[0]:
                break
    return Diagnosis(tuple(findings))


def _mend(error: SmartTicketError) -> str:
    if isinstance(error, AccessDenied):
        return "look at username, auth and the file or command that gives the secret"
    return "look at host, port, tls, ca_file and folder"


def _sign_in(session: Session) -> Iterator[Finding]:
    session.resume()
    session.call("noop")
    how = {"implicit": "TLS", "starttls": "STARTTLS", "none": "no encryption"}[session.settings.tls]
    yield Finding(True, f"{session.where}: signed in as {session.settings.username} ({how})")


def _folder(session: Session, keeper: Keeper) -> Iterator[Finding]:
    box = session.select(session.settings.folder)
    yield Finding(True, f"folder {box.name}: {box.exists} messages")
    if session.can(LABELS):
        yield Finding(True, "tags become Gmail labels")
    elif keeper.kept(box, ["category__any"]):
        yield Finding(True, "tags become keywords, and the server keeps them")
    else:
        yield Finding(True, "the server keeps no keywords: tags will stand in the journal only")


def _drafts(session: Session, drafts: Drafts) -> Iterator[Finding]:
    if session.settings.mode in (Mode.OBSERVE, Mode.TAG):
        return
    folder = drafts.folder
    if session.call("folder_exists", folder):
        yield Finding(True, f"suggested replies go to the folder {folder}")
    else:
        yield Finding(
            False, f"there is no folder {folder} for drafts", "create it, or correct the setting drafts"
        )


def _routes(session: Session, routes: Collection[str]) -> Iterator[Finding]:
    for route in sorted(routes):
        if session.call("folder_exists", route):
            yield Finding(True, f"messages are routed to the folder {route}")
        elif session.settings.create_folders:
            yield Finding(True, f"the folder {route} will be made when a message is routed there")
        else:
            yield Finding(False, f"there is no folder {route}", "create it, or set create_folders = true")


def _abilities(session: Session) -> Iterator[Finding]:
    if session.can("MOVE") or session.can("UIDPLUS"):
        yield Finding(True, "messages can be moved to folders")
    else:
        yield Finding(
            True, "the server can neither MOVE nor UIDPLUS: routed messages are copied, the original flagged"
        )
    if not session.can("IDLE"):
        yield Finding(True, "the server offers no IDLE: new mail is seen at the next poll only")
