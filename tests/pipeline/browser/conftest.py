"""A headless Chromium, a desk, and pages that must neither complain nor ask anything of the network."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from waitress.server import create_server

from pipeline.config import PipelineConfig
from pipeline.records import ClaimVerdict
from pipeline.run import Pipeline
from pipeline.serve.app import create_app
from pipeline.serve.jobs import JobQueue
from pipeline.serve.library import Desk
from tests.pipeline.browser.install import find_browser

Open = Callable[..., Page]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1100, "height": 900}


# WCAG 2.2 A and AA, and what axe calls good practice.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OPTIONS = {"resultTypes": ["violations"], "runOnly": _RULES}
_UNFOLD = "for (const part of document.querySelectorAll('details')) part.open = true"
_GRAVE = ("serious", "critical")


def grave_findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical on a page with everything unfolded: rule, element, and why."""
    page.evaluate(_UNFOLD)
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [
        f"{one['id']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
        if (node.get("impact") or one["impact"]) in _GRAVE
    ]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser of all these tests; where there is none they are skipped."""
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium on this machine; python -m tests.pipeline.browser.install tries to install one")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root, which is who runs in a container.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"] if is_root else [])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Return ``visit(address, **context)``: a page that is open there.

    The test fails at its end where a page logged anything, threw, asked with a dialog, or left its own origin.
    """
    complaints: list[str] = []

    def visit(address: str, **context: object) -> Page:
        page = stack.enter_context(browser.new_context(**{"viewport": DESKTOP, **context})).new_page()  # type: ignore[arg-type]
        origin = "file://" if address.startswith("file://") else address.split("/", 3)[2]
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: origin in request.url or complaints.append(f"request: {request.url}"))
        page.goto(address)
        return page

    with ExitStack() as stack:
        yield visit
    assert complaints == []


class Contradicting(Pipeline):
    """Stages whose judge finds every claim contradicted, so that a page has findings whatever the judge learns."""

    def judge_questions(self, *asked: Any, **more: Any) -> Iterator[ClaimVerdict]:
        for judged in super().judge_questions(*asked, **more):
            yield replace(judged, label="contradicted", probability=0.1)


@pytest.fixture(scope="package")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests of the desk."""
    return tmp_path_factory.mktemp("browser-readings")


@pytest.fixture
def jobs() -> JobQueue:
    """The queue of the desk."""
    return JobQueue()


@pytest.fixture
def address(stand_in_config: PipelineConfig, readings: Path, tmp_path: Path, jobs: JobQueue) -> Iterator[str]:
    """The address of a desk without novels, served as the command serves it."""
    pipeline = Contradicting(stand_in_config, (), readings, jobs.advance)
    app = create_app(Desk(pipeline, tmp_path / "novels", tmp_path / "reports"), jobs)
    server = create_server(app, host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"  # type: ignore[union-attr]
    server.close()
