"""A headless Chromium, and pages that must neither complain nor ask anything of the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.pipeline.browser.install import find_browser

Open = Callable[..., Page]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1100, "height": 900}


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
