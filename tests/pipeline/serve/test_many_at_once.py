"""Many at the desk at once: everybody gets an answer, nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pipeline.serve.app import create_app
from pipeline.serve.jobs import JobQueue
from pipeline.serve.library import Desk
from tests.pipeline.little_story import BACKSTORY, TEXT
from tests.pipeline.serve.sample_uploads import upload

PEOPLE = 12


def at_once(desk: Desk, jobs: JobQueue, do: Callable[[FlaskClient, int], TestResponse]) -> list[TestResponse]:
    """Let everybody do something at the same moment, each with a browser of their own; return the answers."""
    app, ready = create_app(desk, jobs, max_upload_mb=1), threading.Barrier(PEOPLE)

    def go(number: int) -> TestResponse:
        with app.test_client() as client:
            ready.wait()
            return do(client, number)

    with ThreadPoolExecutor(PEOPLE) as many:
        return list(many.map(go, range(PEOPLE)))


def wait_for(jobs: JobQueue, answers: list[TestResponse]) -> None:
    """Wait until every job that the answers lead to is done."""
    ids = {answer.location.removeprefix("/jobs/") for answer in answers if answer.location.startswith("/jobs/")}
    for _ in range(3000):
        found = [job for id in ids if (job := jobs.find(id)) is not None]
        assert len(found) == len(ids) and not [job.error for job in found if job.state == "failed"]
        if all(job.state == "done" for job in found):
            return
        time.sleep(0.02)
    raise AssertionError("the jobs did not end in a minute")


def test_all_novels_uploaded_at_once_are_stored(desk: Desk, jobs: JobQueue) -> None:
    answers = at_once(
        desk, jobs, lambda client, number: upload(client, f"{TEXT}\n\n{number}".encode(), f"Tide {number}.txt")
    )
    assert {answer.status_code for answer in answers} == {303}
    wait_for(jobs, answers)
    assert set(desk.novels()) == {"Low Water", *(f"Tide {number}" for number in range(PEOPLE))}


def test_of_novels_of_one_name_uploaded_at_once_one_is_stored_complete(desk: Desk, jobs: JobQueue) -> None:
    texts = [TEXT + f"\n\n{number}" * 1000 for number in range(PEOPLE)]
    answers = at_once(desk, jobs, lambda client, number: upload(client, texts[number].encode(), "Tide.txt"))
    taken = [number for number, answer in enumerate(answers) if answer.status_code == 303]
    assert len(taken) == 1 and {answer.status_code for answer in answers} <= {303, 400, 409}
    assert desk.path_of("Tide").read_text(encoding="utf-8") == texts[taken[0]]


def test_backstories_submitted_at_once_have_one_report_each(desk: Desk, jobs: JobQueue) -> None:
    def ask(client: FlaskClient, number: int) -> TestResponse:
        asked = {"character": "Anna Reed", "backstory": f"{BACKSTORY} She was {20 + number % 3}."}
        return client.post("/novels/Low%20Water/backstories", data=asked)

    answers = at_once(desk, jobs, ask)
    assert {answer.status_code for answer in answers} == {303}
    wait_for(jobs, answers)
    assert len(desk.reports()) == 3
    for report in desk.reports():
        json.loads((desk.out_dir / report.id / "verdict.json").read_text(encoding="utf-8"))
