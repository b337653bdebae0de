"""Adds tags to many tickets by jobs that Zendesk works off, instead of one update for each.

The order is look (one request for a hundred tickets), one job for each set of tags, their ends, look again.
A job knows no `updated_stamp` and takes no mark. It needs neither: tags are united by Zendesk itself and
adding them twice is adding them once; what we did is known again by the audit, which names us. What a person
decides while a job runs shows in the second look, and ours is then taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from smartticket_connectors.zendesk.change import bulk_change
from smartticket_connectors.zendesk.desk import PAGE, Desk
from smartticket_connectors.zendesk.fields import Json, MalformedError, objects, text, whole
from smartticket_connectors.zendesk.reader import Reader, number_of
from smartticket_connectors.zendesk.ticket import Ticket, Users, users_of, with_metrics
from smartticket_connectors.zendesk.writer import Writer
from smartticket_daemon.domain import Key, MessageRef, Receipt, Status, Triage
from smartticket_daemon.errors import (
    ConfigurationError,
    Overtaken,
    RejectedError,
    SmartTicketError,
    TransientError,
)
from smartticket_daemon.http import NotFound

log = structlog.get_logger(__name__)

Work = tuple[MessageRef, Triage, Key]
Outcome = tuple[Key, Receipt | SmartTicketError]
Found = Mapping[int, tuple[Ticket, Users] | None]
"""Tickets by number; None for one that makes no sense."""

LOOKS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds after its beginning at which a job is looked at. One that takes longer is left to itself, and its
tickets are left for later."""

_ROOM = 3
"""Requests that a job takes: to begin it, and two looks. Another one looks at the tickets at the end."""

_FOR_GOOD = re.compile(r"denied|forbidden|invalid|permission", re.IGNORECASE)
"""Errors of a single ticket in a job that no second try mends."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is left to do on one ticket."""

    number: int
    ref: MessageRef
    triage: Triage
    key: Key
    tags: tuple[str, ...]


@dataclass(slots=True)
class _Job:
    """One job; `said` is what Zendesk reports of each ticket, None while nothing is known."""

    plans: list[_Plan]
    begun: float
    name: str = ""
    said: dict[int, Json] | None = None
    trouble: SmartTicketError | None = None


class Bulk:
    """The capability BULK."""

    def __init__(self, name: str, desk: Desk, reader: Reader, writer: Writer) -> None:
        self._name = name
        self._desk = desk
        self._reader = reader
        self._writer = writer

    def apply_many(self, work: Sequence[Work]) -> Iterator[Outcome]:
        """See `AppliesMany.apply_many`."""
        waiting = iter(work)
        while some := list(islice(waiting, PAGE)):
            self._writer.refuse_when_stopped()
            yield from self._some(some)

    def _some(self, some: list[Work]) -> Iterator[Outcome]:
        plans: list[_Plan] = []
        found = self._look([number for number in map(_number, some) if number])
        for ref, triage, key in some:
            try:
                plan = self._plan(ref, triage, key, found)
                if not plan.tags:  # a job whose end we never saw may have set them all
                    yield key, self._writer.applied(ref, key) or Receipt()
                    continue
            except (Overtaken, RejectedError, TransientError) as error:
                yield key, _alone(error)
                continue
            plans.append(plan)
        groups = _alike(plans)
        self._desk.session.room(_ROOM * len(groups) + 1)
        jobs = [self._begin(alike) for alike in groups]
        for job in jobs:
            self._follow(job)
        yield from self._outcomes(jobs)

    def _look(self, numbers: Sequence[int]) -> Found:
        page = self._desk.looked_at(numbers) if numbers else {}
        users = users_of(objects(page.get("users")))
        found: dict[int, tuple[Ticket, Users] | None] = {}
        for raw in with_metrics(page):
            number = whole(raw.get("id")) or 0
            try:
                found[number] = Ticket.parse(raw), users
            except MalformedError:
                found[number] = None
        return found

    def _ticket(self, number: int, found: Found) -> tuple[Ticket, Users]:
        if number not in found:
            raise Overtaken("deleted")
        seen = found[number]
        if seen is None:
            raise RejectedError(f"{self._name}: ticket {number} cannot be read")
        return seen

    def _plan(self, ref: MessageRef, triage: Triage, key: Key, found: Found) -> _Plan:
        """Refuses what a person has decided, answered or ended meanwhile, as a single write does."""
        number = number_of(ref)
        ticket, users = self._ticket(number, found)
        if ticket.status is not Status.OPEN:
            raise Overtaken(ticket.status.value)
        if self._reader.was_answered(ticket, users):
            raise Overtaken("answered")
        self._writer.refuse_decided(ticket, triage)
        return _Plan(number, ref, triage, key, _missing(triage.tags, ticket))

    def _begin(self, plans: list[_Plan]) -> _Job:
        job = _Job(plans, self._desk.session.clock.monotonic())
        try:
            said = self._desk.update_many((p.number for p in plans), bulk_change(plans[0].tags))
        except (TransientError, RejectedError) as error:
            job.trouble = _alone(error)  # jobs that are begun already go on
            return job
        if said.get("ignored"):
            raise ConfigurationError(f"{self._name}: Zendesk passed over {said['ignored']} in bulk")
        job.name = text(said.get("id"))
        self._note(job, said)
        return job

    def _follow(self, job: _Job) -> None:
        """Wait for the end of a job, a little: it goes on without us."""
        clock = self._desk.session.clock
        for moment in LOOKS:
            if job.said is not None or job.trouble:
                return
            clock.sleep(max(job.begun + moment - clock.monotonic(), 0.0))
            try:
                self._note(job, self._desk.job(job.name))
            except NotFound:
                job.said = {}
            except TransientError as error:
                job.trouble = _alone(error)
        if job.said is None and job.trouble is None:
            job.trouble = TransientError(f"{self._name}: Zendesk still works at our bulk update")

    def _note(self, job: _Job, said: Json) -> None:
        status = said.get("status")
        if status in ("completed", "failed", "killed"):
            job.said = {whole(one.get("id")) or 0: one for one in objects(said.get("results"))}
            log.info("bulk_done", source=self._name, status=status, tickets=len(job.plans))

    def _outcomes(self, jobs: list[_Job]) -> Iterator[Outcome]:
        try:
            found = self._look([plan.number for job in jobs for plan in job.plans])
        except TransientError as error:
            yield from ((plan.key, _alone(error)) for job in jobs for plan in job.plans)
            return
        for job in jobs:
            for plan in job.plans:
                try:
                    yield plan.key, self._outcome(plan, job, found)
                except (Overtaken, RejectedError, TransientError) as error:
                    yield plan.key, _alone(error)

    def _outcome(self, plan: _Plan, job: _Job, found: Found) -> Receipt:
        """What stands at the ticket counts; what the job says of it, only where nothing does."""
        ticket, _ = self._ticket(plan.number, found)
        kept = tuple(tag for tag in plan.tags if tag not in _missing(plan.tags, ticket))
        receipt = Receipt(tags=kept)
        if kept and plan.triage.contradicted_by(ticket.tags):
            self._writer.undo(plan.ref, receipt)
            raise Overtaken("human_decided")
        if kept == plan.tags:
            return receipt
        self._refuse_failed(plan, job, ticket)
        log.error("tags_not_kept", source=self._name, ticket=plan.number)
        return receipt

    def _refuse_failed(self, plan: _Plan, job: _Job, ticket: Ticket) -> None:
        if ticket.status is not Status.OPEN:
            raise Overtaken(ticket.status.value)
        if job.trouble:
            raise job.trouble
        said = (job.said or {}).get(plan.number, {})
        if said.get("success") is True:
            return
        if _FOR_GOOD.search(text(said.get("error"))):
            raise RejectedError(f"{self._name}: Zendesk will not tag ticket {plan.number} in bulk")
        raise TransientError(f"{self._name}: the bulk update passed over ticket {plan.number}")


def _number(work: Work) -> int | None:
    try:
        return number_of(work[0])
    except RejectedError:
        return None


def _missing(tags: tuple[str, ...], ticket: Ticket) -> tuple[str, ...]:
    present = {tag.lower() for tag in ticket.tags}
    return tuple(tag for tag in tags if tag.lower() not in present)


def _alike(plans: list[_Plan]) -> list[list[_Plan]]:
    """The plans in groups that add the same tags."""
    groups: dict[tuple[str, ...], list[_Plan]] = {}
    for plan in plans:
        groups.setdefault(plan.tags, []).append(plan)
    return list(groups.values())


def _alone(error: SmartTicketError) -> SmartTicketError:
    """Zendesk answered a moment ago: trouble of one request is no trouble of the whole source."""
    if isinstance(error, TransientError):
        return TransientError(str(error), error.retry_after)
    return error
