"""A desk with the little story and the stand-in for the encoder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from pipeline.config import PipelineConfig
from pipeline.run import Pipeline
from pipeline.serve.app import create_app
from pipeline.serve.jobs import JobQueue
from pipeline.serve.library import Desk


@pytest.fixture(scope="session")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests of the desk."""
    return tmp_path_factory.mktemp("desk-readings")


@pytest.fixture
def jobs() -> JobQueue:
    """The queue of the desk."""
    return JobQueue()


@pytest.fixture
def desk(stand_in_config: PipelineConfig, readings: Path, shelf: Path, tmp_path: Path, jobs: JobQueue) -> Desk:
    """A desk with the little story."""
    novels = tmp_path / "novels"
    shutil.copytree(shelf, novels)
    pipeline = Pipeline(stand_in_config, (), readings, jobs.advance)
    return Desk(pipeline, novels, tmp_path / "reports")


@pytest.fixture
def client(desk: Desk, jobs: JobQueue) -> Iterator[FlaskClient]:
    """A browser of the desk that is on the machine itself."""
    app = create_app(desk, jobs, max_upload_mb=1)
    with app.test_client() as client:
        yield client
