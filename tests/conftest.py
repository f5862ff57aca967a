"""What every test shares: the golden files, the Hypothesis profiles, and an environment without a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import golden_files, shapes

if "PYTEST_XDIST_WORKER" in os.environ:  # the processors are shared out to the workers, and not each to all
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line sets it: waiting threads sleep
os.environ.setdefault("GOMP_SPINCOUNT", "0")

shapes.check()  # given no module of ours is imported: those that are stay unchecked

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with slow tests first where workers share the tests: the last are short."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Return ``check(name, data)``: JSON data must be that of ``tests/golden/<name>``, or becomes it when updating."""

    def check(name: str, data: Any) -> None:
        summary = golden_files.summarise(data)
        if request.config.getoption("--update-golden"):
            golden_files.write(name, summary)
        assert list(golden_files.differences(summary, golden_files.read(name))) == []

    return check


@pytest.fixture(autouse=True)
def _without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's own key: no test may reach the service by accident."""
    monkeypatch.delenv("GROQ_API_KEY", raising=False)


@pytest.fixture(autouse=True)
def _checked_shapes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check shapes in every test but the slow ones, whose real models would take half as long again.

    ``wrong_shapes`` marks what is about the library's own refusal of them.
    """
    marks = ("slow", "wrong_shapes")
    with shapes.unchecked() if any(map(request.node.get_closest_marker, marks)) else nullcontext():
        yield
