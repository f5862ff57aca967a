"""JobQueue run one after another, say how far they are, and end with a line where they fail."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.errors import NovelError
from pipeline.serve.jobs import DeskJob, JobQueue


def _wait(jobs: JobQueue, id: str) -> DeskJob:
    for _ in range(500):
        job = jobs.find(id)
        assert job is not None
        if job.state in {"done", "failed"}:
            return job
        time.sleep(0.01)
    raise AssertionError("the job did not end in five seconds")


def _raise(error: Exception) -> None:
    raise error


def test_jobs_run_in_their_order(jobs: JobQueue) -> None:
    order: list[str] = []
    for name in "abc":
        jobs.submit(DeskJob(name, name, "/"), lambda name=name: order.append(name))
    assert _wait(jobs, "c").state == "done"
    assert order == ["a", "b", "c"]


def test_job_that_waits_is_not_queued_twice(jobs: JobQueue) -> None:
    gate, ran = threading.Event(), []
    jobs.submit(DeskJob("first", "", "/"), gate.wait)
    for _ in range(2):
        jobs.submit(DeskJob("second", "", "/"), lambda: ran.append(1))
    gate.set()
    _wait(jobs, "second")
    jobs.submit(DeskJob("last", "", "/"), lambda: None)
    _wait(jobs, "last")
    assert ran == [1]


def test_job_counts_its_reading(jobs: JobQueue) -> None:
    seen: list[tuple[str, int | None]] = []

    def look() -> None:
        job = jobs.find("a")
        assert job is not None
        seen.append((job.step, job.percent))

    def work() -> None:
        jobs.start_step("Finding names")
        look()
        jobs.advance("Low Water", 30, 120)
        jobs.advance("Low Water", 30, 120)
        look()
        jobs.advance("Anna Reed", 10, 40)
        look()

    jobs.submit(DeskJob("a", "", "/"), work)
    _wait(jobs, "a")
    assert seen == [("Finding names", None), ("Reading: Low Water", 50), ("Reading: Anna Reed", 25)]


def test_failed_job_shows_why_in_one_line_and_the_next_runs(jobs: JobQueue) -> None:
    jobs.submit(DeskJob("a", "", "/"), lambda: _raise(NovelError("no novel;\nbring one")))
    jobs.submit(DeskJob("b", "", "/"), lambda: None)
    assert _wait(jobs, "a").error == "no novel; bring one"
    assert _wait(jobs, "b").state == "done"


def test_mistake_of_ours_is_named_as_one(jobs: JobQueue, caplog: pytest.LogCaptureFixture) -> None:
    jobs.submit(DeskJob("a", "", "/"), lambda: _raise(ZeroDivisionError("division by zero")))
    assert "ZeroDivisionError: division by zero; internal error" in _wait(jobs, "a").error
    assert "Traceback" in caplog.text


def test_failed_job_can_be_submitted_again(jobs: JobQueue) -> None:
    jobs.submit(DeskJob("a", "", "/"), lambda: _raise(NovelError("once")))
    _wait(jobs, "a")
    jobs.submit(DeskJob("a", "", "/"), lambda: None)
    assert _wait(jobs, "a").state == "done"
