"""Equal input gives equal bytes; another number of threads gives equal labels and nearly equal numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pipeline.cli import judge_main
from tests.pipeline.command_line import contents, run
from tests.pipeline.little_story import BACKSTORY

TOLERANCE = 1e-3
"""Largest difference of a number of an artefact between numbers of threads; docs/robustness.md says it."""


@pytest.fixture(scope="module")
def runs(shelf: Path, stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three cold runs: on one thread, again on one, and on two."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "backstory.txt").write_text(BACKSTORY, encoding="utf-8")
    asked = ["--target_character", "Anna Reed", "--backstory_file", folder / "backstory.txt"]
    machine = ["--novels_dir", shelf, "--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32"]
    before = torch.get_num_threads()
    for threads, out in ((1, "one"), (1, "again"), (2, "two")):
        places = ["--cache_dir", folder / f"{out}-readings", "--out_dir", folder / out]
        assert run(judge_main, *asked, *machine, *places, "--threads", threads).status == 0
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    return folder


def test_same_threads_give_the_same_bytes(runs: Path) -> None:
    for kind in ("", "-readings"):
        assert contents(runs / f"one{kind}") == contents(runs / f"again{kind}")


def test_other_threads_give_the_same_labels_and_nearly_the_same_numbers(runs: Path) -> None:
    compared = 0
    for name in contents(runs / "one"):
        if name.endswith(".json") and name != "manifest.json":
            one, two = (json.loads((runs / out / name).read_text(encoding="utf-8")) for out in ("one", "two"))
            compared += _same(one, two, name)
    assert compared > 400


def _same(one: object, other: object, where: str) -> int:
    """Check two artefacts against each other and return how many numbers were compared."""
    if isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, abs=TOLERANCE), where
        return 1
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        return sum(_same(one[name], other[name], f"{where}/{name}") for name in one)
    if isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        return sum(_same(a, b, f"{where}/{number}") for number, (a, b) in enumerate(zip(one, other, strict=True)))
    assert one == other, where
    return 0
