"""The benchmark runner lists benchmarks, times nothing if a test fails, and writes the measurements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import __main__ as runner
from benchmarks.growth import slope
from benchmarks.measurement import Measurement, time_call


def _benchmark(tests: tuple[str, ...]) -> ModuleType:
    def measure() -> Iterator[Measurement]:
        yield Measurement("reading", 1234.5, "tokens/s", "once")

    module = ModuleType("example")
    module.__doc__ = "An example."
    vars(module).update(TESTS=tests, measure=measure)
    return module


def test_runner_finds_the_benchmarks_that_measure() -> None:
    found = runner.find_benchmarks()
    assert "modes" in found
    assert all(callable(module.measure) and module.TESTS for module in found.values())


def test_runner_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["no_such_thing"]) == 2
    assert "no such benchmark: no_such_thing; known: " in capsys.readouterr().err


def test_runner_times_nothing_if_a_test_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "REPORTS", tmp_path)
    assert runner.run("example", _benchmark(("tests/no_such_test.py",))) == 2
    assert "not timed, its tests failed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_page_has_the_measurements_and_the_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    runner.write_page(page, "example", "An example.", [Measurement("reading", 1234.5, "tokens/s", "once")])
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# An example."
    assert "- command: `python -m benchmarks example`" in lines
    assert lines[-1] == "| reading | 1,234 | tokens/s | once |"
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_timing_does_not_count_the_first_call() -> None:
    calls: list[int] = []
    assert time_call(lambda: calls.append(1), repeats=3) >= 0
    assert len(calls) == 4


def test_slope_is_the_exponent_of_a_power_law() -> None:
    assert slope([(size, 3.0 * size**1.5) for size in (1, 2, 4, 8)]) == pytest.approx(1.5)
