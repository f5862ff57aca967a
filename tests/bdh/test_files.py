"""Files that appear completely or not at all, and one training per folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdh.errors import ConfigError
from bdh.files import locked, replacing, write_text


def test_replaced_file_has_the_new_content_and_no_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_folder_takes_one_training_and_is_removed_if_it_stays_empty(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with locked(folder):
        with pytest.raises(ConfigError, match="another training"), locked(folder):
            pass
        with locked(folder, writes=False):
            assert folder.is_dir()
    assert not folder.exists()
