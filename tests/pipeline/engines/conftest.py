"""A small library to read, with an empty novel in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.little_story import TEXT

NOVELS = 5


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some little novels, each of its own beginning and length, and one without a word.

    Novels that begin alike would share checkpoints, whose notes name the one that was read last.
    """
    folder = tmp_path_factory.mktemp("library")
    for number in range(NOVELS):
        (folder / f"Novel {number}.txt").write_text(f"Anna Reed was {20 + number}.\n\n" + TEXT * (1 + number % 3))
    (folder / "Blank.txt").write_text(" \n")
    return folder
