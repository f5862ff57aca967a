"""Datasets by name: downloaded once, cached, checked, and split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bdh.errors import DataError
from bdh.training import datasets
from bdh.training.datasets import cut_held_out, default_folder, read_dataset

PLAY = "ROMEO:\nBut soft! What light through yonder window breaks? é\n" * 20
OFFLINE = "http://127.0.0.1:9"


class Mirror(ThreadingHTTPServer):
    """A host of the datasets' files on loopback, which counts what is asked of it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - self.server.cut])


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """Serve small texts in the place of the datasets, under the hashes that they have."""
    server = Mirror()
    sources: dict[str, dict[str, Any]] = {}
    for name, splits in datasets._SOURCES.items():
        for split, source in splits.items():
            content = (PLAY if name == "tinyshakespeare" else f" = {split} = \n").encode()
            server.files[f"/{source.path}"] = content
            sha256 = hashlib.sha256(content).hexdigest() if source.sha256 else None
            sources.setdefault(name, {})[split] = datasets._Source(source.path, sha256)
    monkeypatch.setattr(datasets, "_SOURCES", sources)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_dataset_is_downloaded_once_and_reported(mirror: Mirror, tmp_path: Path) -> None:
    reported: list[str] = []
    for _ in range(2):
        text = read_dataset("wikitext-2", "train", folder=tmp_path, mirror=mirror.address + "/", report=reported.append)
        assert text == " = train = \n"
    assert len(mirror.asked) == 1 and reported == [f"downloading {mirror.address}{mirror.asked[0]}"]
    assert [path.name for path in (tmp_path / "wikitext-2").iterdir()] == ["train.txt"]
    assert read_dataset("wikitext-2", "train", folder=tmp_path, mirror=OFFLINE) == text


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_wikitext_has_three_files(mirror: Mirror, tmp_path: Path, split: str) -> None:
    assert read_dataset("wikitext-2", split, folder=tmp_path, mirror=mirror.address) == f" = {split} = \n"


def test_shakespeare_is_one_file_whose_last_tenth_validates(mirror: Mirror, tmp_path: Path) -> None:
    train, held_out = (
        read_dataset("tinyshakespeare", split, folder=tmp_path, mirror=mirror.address)
        for split in ("train", "validation")
    )
    assert train + held_out == PLAY and len(train) == int(len(PLAY) * 0.9)
    assert (train, held_out) == cut_held_out(PLAY)
    assert len(mirror.asked) == 1


def test_dataset_without_a_network_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_dataset("tinyshakespeare", "train", folder=tmp_path, mirror=OFFLINE)
    message = str(caught.value)
    assert str(tmp_path) in message and OFFLINE in message and "connect" in message and "\n" not in message
    assert list(tmp_path.rglob("*.*")) == []


def test_missing_file_is_an_error(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files.clear()
    with pytest.raises(DataError, match="404"):
        read_dataset("wikitext-2", "test", folder=tmp_path, mirror=mirror.address)


def test_interrupted_download_leaves_no_file(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut = 3
    with pytest.raises(DataError, match="could not be downloaded"):
        read_dataset("wikitext-2", "train", folder=tmp_path, mirror=mirror.address)
    assert list(tmp_path.rglob("*.*")) == []


def test_another_file_under_the_name_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("to be")
    with pytest.raises(DataError, match="remove it"):
        read_dataset("tinyshakespeare", "train", folder=tmp_path, mirror=mirror.address)


def test_damaged_text_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "wikitext-2").mkdir()
    (tmp_path / "wikitext-2" / "train.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="damaged"):
        read_dataset("wikitext-2", "train", folder=tmp_path, mirror=mirror.address)


@pytest.mark.parametrize(
    ("name", "split", "word"), [("pile", "train", "tinyshakespeare"), ("tinyshakespeare", "test", "train, validation")]
)
def test_unknown_dataset_or_split_names_the_known_ones(tmp_path: Path, name: str, split: str, word: str) -> None:
    with pytest.raises(DataError, match=word):
        read_dataset(name, split, folder=tmp_path, mirror=OFFLINE)


def test_dataset_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BDH_CACHE_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "datasets"
    monkeypatch.delenv("BDH_CACHE_DIR")
    assert default_folder().parts[-2:] == ("bdh-narrative", "datasets")
