"""Find a Chromium for the browser tests, or install one: ``make test`` runs this once, before the tests.

It never fails: where none can be had the browser tests are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/snap/bin/chromium")
_PATIENCE = 240
"""Seconds that all attempts together may take."""


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine: the system's own, else the one that Playwright keeps."""
    found = next(filter(None, map(shutil.which, _NAMES)), None) or next(filter(os.path.isfile, _PLACES), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    shells = Path(own).parents[2].glob("chromium_headless_shell-*/*/*headless*shell*") if own else ()
    return own if os.path.isfile(own) else next((str(path) for path in shells if os.access(path, os.X_OK)), None)


def main() -> None:
    """Say which browser the tests will use, after trying to install one where there is none."""
    if find_browser() is None:
        deadline = time.monotonic() + _PATIENCE
        for command in _attempts():
            print(f"browser tests: no Chromium here, trying: {' '.join(command)}", flush=True)
            if _run(command, timeout=deadline - time.monotonic()) and find_browser():
                break
    found = find_browser()
    print(f"browser tests: {found}" if found else "browser tests: no Chromium could be installed; they will be skipped")


def _attempts() -> Iterator[list[str]]:
    """Yield the commands that install a Chromium; only root may use the system's package manager."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and shutil.which("apt-get"):
        packages = ["install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        yield ["apt-get", *packages]
        yield ["apt-get", "update", "-qq"]
        yield ["apt-get", *packages]
    yield [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]


def _run(command: list[str], *, timeout: float) -> bool:
    """Say whether a command succeeded in time."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=max(timeout, 1))
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
