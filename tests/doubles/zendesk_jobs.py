"""Zendesk's bulk updates: jobs that run by themselves, a while after they were asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.doubles.server import Reply, Request
from tests.doubles.zendesk_state import OURS, Tenant

MOST = 30
"""Jobs that an account may have queued or running."""


@dataclass
class Job:
    name: str
    due: float
    numbers: list[int]
    tags: list[str]
    status: str = "queued"
    results: list[dict[str, Any]] | None = None

    def shown(self, url: str) -> dict[str, Any]:
        return {
            "id": self.name,
            "url": f"{url}/api/v2/job_statuses/{self.name}.json",
            "total": len(self.numbers),
            "progress": None if self.results is None else len(self.results),
            "status": self.status,
            "message": None,
            "results": self.results,
        }


@dataclass
class JobTrouble:
    """`takes` are the seconds until a job runs; `others` are jobs of other programs in the queue.

    `fails` names the error of a ticket, `breaks` lets a job end as failed after so many tickets, `forgets`
    loses all jobs, as Zendesk does after a day.
    """

    takes: float = 2
    others: int = 0
    fails: dict[int, str] = field(default_factory=dict)
    breaks: int | None = None
    forgets: bool = False


class Jobs(Tenant):
    """The part of the double that works in the background."""

    url: str
    drops: set[str]
    job_trouble: JobTrouble
    jobs: dict[str, Job]

    def run_jobs(self) -> None:
        """Everything that is due by now."""
        for job in self.jobs.values():
            if job.results is None and self.hour.monotonic() >= job.due:
                self._run(job)

    def _run(self, job: Job) -> None:
        trouble = self.job_trouble
        numbers = job.numbers[: trouble.breaks]
        job.results = [self._tag(number, job.tags) for number in numbers]
        job.status = "completed" if trouble.breaks is None else "failed"

    def _tag(self, number: int, tags: list[str]) -> dict[str, Any]:
        record = self.tickets.get(number)
        error = self.job_trouble.fails.get(number)
        if record is None or record.status == "deleted":
            error = "TicketNotFound"
        if error or record is None:
            result = {"id": number, "action": "update", "success": False, "status": "Failed", "error": error}
            return result | {"details": "a customer's words"}
        before = list(record.tags)
        record.tags = sorted({*before, *(tag.lower() for tag in tags if tag not in self.drops)})
        self.audit(record, OURS, [self.tags_changed(before, record.tags)])
        return {"id": number, "action": "update", "success": True, "status": "Updated"}

    def _update_many(self, request: Request) -> Reply:
        numbers = [int(word) for word in request.query["ids"].split(",")]
        if len(numbers) > 100:
            return Reply(400, {"error": "TooManyValues", "description": "ids", "max_count": 100})
        waiting = sum(job.results is None for job in self.jobs.values()) + self.job_trouble.others
        if waiting >= MOST:
            return Reply(429, {"error": "TooManyJobs", "description": "too many jobs"}, {"Retry-After": "30"})
        job = Job(f"V3-{self.number():032x}", self.hour.monotonic() + self.job_trouble.takes, numbers, [])
        job.tags = list(request.json()["ticket"]["additional_tags"])
        self.jobs[job.name] = job
        return Reply(200, {"job_status": job.shown(self.url)})

    def _job(self, request: Request, name: str) -> Reply:
        job = self.jobs.get(name)
        if job is None or self.job_trouble.forgets:
            return Reply(404, {"error": "RecordNotFound", "description": "Not found"})
        return Reply(200, {"job_status": job.shown(self.url)})
