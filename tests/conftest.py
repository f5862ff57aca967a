"""What every test shares: the golden files, the Hypothesis profiles, and an environment without a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

from tests.shapes import check_shapes

if "PYTEST_XDIST_WORKER" in os.environ:  # the processors are shared out to the workers, and not each to all
    os.environ.setdefault("OMP_NUM_THREADS", "1")

check_shapes()  # first of all: a module that is imported already stays unchecked

GOLDEN = Path(__file__).parent / "golden"

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return ``check(name, text)``: text must equal ``tests/golden/<name>``, or becomes it with --update-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing; make it with pytest --update-golden and read it before you commit"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(autouse=True)
def _without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's own key: no test may reach the service by accident."""
    monkeypatch.delenv("GROQ_API_KEY", raising=False)


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Leave wrong shapes to the library, whose own refusal is the subject."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
