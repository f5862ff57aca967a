"""Hostile input: an answer or a documented error of one line, never anything else."""

from __future__ import annotations

import pytest

from benchmarks.fuzz import PARSERS, outcome

CASES = 25
FOUND = {
    "csv_table": (478, 685),
    "training_place": (153, 324, 374, 548),
    "training_run": (19, 189, 253),
}
"""Cases that were faults when they were found."""


@pytest.mark.parametrize("name", PARSERS)
def test_parser_answers_or_says_what_is_wrong(name: str) -> None:
    faults = [(case, what) for case in range(CASES) if (what := outcome(name, case)).startswith("FAULT")]
    assert faults == []


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in FOUND.items() for case in cases])
def test_case_that_once_was_a_fault_is_none(name: str, case: int) -> None:
    assert not outcome(name, case).startswith("FAULT")
